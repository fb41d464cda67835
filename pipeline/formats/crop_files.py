"""The crops on disk: for each split, train and eval, shards with the pixels, and an index with a row per photo.

`shards/<split>/<shard>/` has the crops of a shard and their table, and `<split>.parquet` beside `shards` the tables of
all shards one after another. Readers map the shards into memory; nothing is joined. Splits are apart, so that a changed
eval photo trains nothing. `previews/<split>/<shard>/` has what no model reads: small copies of crops and photos.
"""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats import arrays, previews, tables
from pipeline.formats.previews import Previews
from pipeline.foundation.errors import InputError, raise_faults

SPLITS = ("train", "eval")
SHARDS, PREVIEWS = "shards", "previews"
PIXELS, TILES = "crops.npy", "tiles.npy"
REMEDY = "run `dvc repro`"

Part = TypeVar("Part", bound=Sized)


@dataclass(frozen=True)
class Shard:
    """The files of a shard of a split's photos, in the folder of the crops."""

    crops: Path
    split: str
    number: int

    @property
    def folder(self) -> Path:
        """What models are trained on."""
        return self.crops / SHARDS / self.split / str(self.number)

    @property
    def previews(self) -> Path:
        """What people look at, and what tells which photos show one person."""
        return self.crops / PREVIEWS / self.split / str(self.number)

    @property
    def pixels_file(self) -> Path:
        """The crops, uint8 RGB (n, height, width, 3)."""
        return self.folder / PIXELS

    @property
    def table_file(self) -> Path:
        """The table of the crops."""
        return self.folder / "table.parquet"

    @property
    def settings_file(self) -> Path:
        """The settings of the crops."""
        return self.folder / "settings.json"

    @property
    def previews_file(self) -> Path:
        """The crops as small JPEGs (n); see `formats.previews`."""
        return self.previews / "crops.arrow"

    @property
    def tiles_file(self) -> Path:
        """The photos that contact sheets show whole, as tiles with a frame around the crop."""
        return self.previews / TILES

    @property
    def thumbnails_file(self) -> Path:
        """The whole photos (n, height, width, 3) in the size of `crop.thumbnail`, where it is set."""
        return self.previews / "thumbnails.npy"

    def table(self) -> pd.DataFrame:
        """The table of the crops, with the columns `tables.CROPS`. Raises as `tables.read` does."""
        return tables.read(self.table_file, tables.CROPS)


def index_file(folder: Path, split: str) -> Path:
    """The table of all crops of a split, shard by shard."""
    return folder / f"{split}.parquet"


def table(folder: Path, split: str) -> pd.DataFrame:
    """The table of a split's crops, with the columns `tables.CROPS`. Raises as `tables.read` does."""
    return tables.read(index_file(folder, split), tables.CROPS)


def paths(folder: Path, split: str) -> "pd.Series[str]":
    """The paths (n,) of a split's photos, each once. Raises as `tables.read` does."""
    return _columns(folder, split, {"path": "text"})["path"]


def positions(folder: Path, split: str, photos: "pd.Series[str]") -> npt.NDArray[np.int64]:
    """The positions (n,) of a few photos of a split in its table, which is read in batches; -1 for one without a crop.

    Raises as `tables.read` does.
    """
    found, first = [pd.Series(dtype="int64")], 0
    for batch in tables.batches(index_file(folder, split), {"path": "text"}):
        own = np.flatnonzero(batch["path"].isin(photos))
        found.append(pd.Series(own + first, batch["path"].iloc[own]))
        first += len(batch)
    row_of = pd.concat(found).groupby(level=0).first()
    return np.asarray(row_of.reindex(photos, fill_value=-1), np.int64)


def hashes(folder: Path, split: str) -> pd.DataFrame:
    """The path of each of a split's photos, once, the digest of its crop and the perceptual hash of the whole photo.

    Raises as `tables.read` does, and `InputError` for a perceptual hash that is not 64 hexadecimal digits.
    """
    table = _columns(folder, split, {"path": "text", "digest": "integer", "perceptual_hash": "text"})
    wrong = ~table["perceptual_hash"].str.fullmatch("[0-9a-f]{64}")
    rows = zip(table.index[wrong] + 2, table.loc[wrong, "perceptual_hash"], strict=True)
    faults = [f"row {row}: perceptual_hash {text!r}" for row, text in rows]
    raise_faults(f"{index_file(folder, split)}: hashes that are not 64 hexadecimal digits; {REMEDY}", faults)
    return table


def _columns(folder: Path, split: str, columns: dict[str, tables.Kind]) -> pd.DataFrame:
    index = index_file(folder, split)
    table = pd.concat(tables.batches(index, columns), ignore_index=True)
    tables.require_unique(index, table, "path")
    return table


def pixels(folder: Path, split: str) -> arrays.Shards:
    """A split's crops (n, height, width, 3), memory-mapped, in the order of its table.

    Raises:
        InputError: When a file is missing or malformed, or a shard has another number of crops than the index.
    """
    return arrays.Shards(_parts(folder, split, lambda shard: shard.pixels_file, arrays.read))


def thumbnails(folder: Path, split: str) -> arrays.Shards:
    """Thumbnails (n, height, width, 3) of a split's photos, as `pixels`."""
    return arrays.Shards(_parts(folder, split, lambda shard: shard.thumbnails_file, arrays.read))


def crop_previews(folder: Path, split: str) -> Previews:
    """A split's crops (n) as small JPEGs, as `pixels`."""
    return Previews(_parts(folder, split, lambda shard: shard.previews_file, previews.read))


def _parts(folder: Path, split: str, file: Callable[[Shard], Path], read: Callable[[Path], Part]) -> list[Part]:
    """A file of each of a split's shards, each as long as the index says."""
    index = index_file(folder, split)
    shard_of = np.concatenate([batch["shard"].to_numpy() for batch in tables.batches(index, {"shard": "integer"})])
    firsts = np.flatnonzero(np.diff(shard_of, prepend=-1))
    parts = []
    for first, rows in zip(firsts, np.diff([*firsts, len(shard_of)]), strict=True):
        path = file(Shard(folder, split, int(shard_of[first])))
        parts.append(read(path))
        if len(parts[-1]) != rows:
            raise InputError(f"{path}: {len(parts[-1])} images, but {index} has {rows}; {REMEDY}")
    return parts
