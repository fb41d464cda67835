"""The crops on disk: a folder per shard with the pixels, and beside the shards an index with a row per photo.

`shards/<shard>/<split>.npy` has the crops of a shard, for each split, train and eval, and `<split>.parquet` beside
`shards` the table of all crops of the split, shard by shard. Readers map the shards into memory; nothing is joined.
`tiles/<shard>/<split>.npy` has tiles of a shard's photos that contact sheets show whole; no model reads them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats import arrays, tables
from pipeline.foundation.errors import InputError, raise_faults

SHARDS = "shards"
TILES = "tiles"
SPLITS = ("train", "eval")
REMEDY = "run `dvc repro`"


def index_file(folder: Path, split: str) -> Path:
    """The file of a split's table: in the folder of the crops that of all shards, in a shard's folder its own."""
    return folder / f"{split}.parquet"


def pixels_file(shard: Path, split: str) -> Path:
    """The file of the crops, or of the tiles, of a shard."""
    return shard / f"{split}.npy"


def thumbnails_file(shard: Path, split: str) -> Path:
    """The file of thumbnails of the whole photos of a shard."""
    return shard / f"{split}_thumbnails.npy"


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
    return _mapped(folder, split, pixels_file)


def thumbnails(folder: Path, split: str) -> arrays.Shards:
    """Thumbnails (n, height, width, 3) of a split's photos, as `pixels`."""
    return _mapped(folder, split, thumbnails_file)


def _mapped(folder: Path, split: str, file: Callable[[Path, str], Path]) -> arrays.Shards:
    index = index_file(folder, split)
    shard_of = np.concatenate([batch["shard"].to_numpy() for batch in tables.batches(index, {"shard": "integer"})])
    firsts = np.flatnonzero(np.diff(shard_of, prepend=-1))
    parts = []
    for first, rows in zip(firsts, np.diff([*firsts, len(shard_of)]), strict=True):
        path = file(folder / SHARDS / str(shard_of[first]), split)
        parts.append(arrays.read(path))
        if len(parts[-1]) != rows:
            raise InputError(f"{path}: {len(parts[-1])} images, but {index} has {rows}; {REMEDY}")
    return arrays.Shards(parts)
