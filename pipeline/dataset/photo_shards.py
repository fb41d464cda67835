"""Photos in tar archives, the shards of WebDataset's layout, beside the competition's layout of a file per photo.

A folder of shards has `train/` and `eval/`, each with `shard-00000.tar`, ... and `index.csv`, which tells the shard,
the place and the size of every photo. In the archive a photo has its path below `images/`; a train photo is preceded by
its labels as JSON under the same name, so that the `webdataset` package reads pairs of `json` and `jpg`.

Ten million files are a gigabyte of names to a file system and to DVC; a thousand archives are a thousand names.
"""

import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, train_photos
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import replacing, write_bytes

INDEX: dict[str, tables.Kind] = {"path": "text", "shard": "text", "offset": "integer", "bytes": "integer"}
FILE = "index.csv"
PHOTOS = 10_000
"""Photos of a shard, by default: about a gigabyte."""
REMEDY = "write the shards again with `python -m pipeline shards`"

Labelled = tuple[str, Mapping[str, Any] | None]  # a photo's path below images/, and its labels


def write(root: Path, output: Path, photos: int = PHOTOS) -> dict[str, int]:
    """Write the photos of a data set as shards; one photo is in memory at a time. Equal data sets are equal bytes.

    Args:
        root: Folder of the data set in the competition's layout.
        output: Folder to write to: train/, eval/, and the tables train.csv and info.csv as they are.
        photos: Photos of a shard.

    Returns:
        The number of shards of each split.

    Raises:
        InputError: Lists every fault of the data set, before anything is written.
    """
    labels, names = train_photos(root), eval_photos(root)
    columns = [str(column) for column in labels if column != "path"]
    train: Iterator[Labelled] = (
        (path, dict(zip(columns, row, strict=True)))
        for path, *row in labels[["path", *columns]].itertuples(index=False, name=None)
    )
    unlabelled: Iterator[Labelled] = ((name, None) for name in names)
    counts = {
        "train": _write_split(root / TRAIN, train, output / "train", photos),
        "eval": _write_split(root / EVAL, unlabelled, output / "eval", photos),
    }
    for table in (Path("train", "train.csv"), Path("eval", "info.csv")):
        write_bytes(output / table, (root / table).read_bytes())
    return counts


def read_index(folder: Path) -> pd.DataFrame:
    """Read the index of a split, a row per photo with the columns `INDEX`. Raises as `tables.read` does."""
    return tables.read(folder / FILE, INDEX, unique="path")


class PhotoShard:
    """The photos of one shard, by their path. It opens its own archive and nothing else."""

    def __init__(self, folder: Path, shard: str, index: pd.DataFrame) -> None:
        """Find a shard's photos.

        Args:
            folder: Folder of a split.
            shard: Name of the archive.
            index: The index of the split.
        """
        self.path = folder / shard
        own = index[index["shard"] == shard]
        self._places = {
            path: (int(offset), int(size))
            for path, offset, size in own[["path", "offset", "bytes"]].itertuples(index=False, name=None)
        }

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        """The paths of the photos, in the order in which they lie in the archive."""
        return iter(self._places)

    def read(self, path: str) -> bytes:
        """The file of a photo, as it was.

        Raises:
            KeyError: When the shard has no such photo.
            InputError: When the archive is missing, or shorter than its index says.
        """
        offset, size = self._places[path]
        try:
            with self.path.open("rb") as archive:
                content = os.pread(archive.fileno(), size, offset)
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}; {REMEDY}") from None
        if len(content) != size:
            raise InputError(f"{self.path}: it ends within {path}; {REMEDY}")
        return content


def _write_split(images: Path, photos: Iterator[Labelled], folder: Path, most: int) -> int:
    rows: list[tuple[str, str, int, int]] = []
    count = 0
    while batch := list(islice(photos, most)):
        name = f"shard-{count:05}.tar"
        with replacing(folder / name) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            rows += [(path, name, *place) for path, place in _add(archive, images, batch)]
        count += 1
    tables.write(pd.DataFrame(rows, columns=list(INDEX)), folder / FILE)
    return count


def _add(archive: tarfile.TarFile, images: Path, photos: Iterable[Labelled]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Add photos to an archive; yields the path, the offset and the bytes of each."""
    for path, labels in photos:
        if labels is not None:
            _add_file(archive, str(Path(path).with_suffix(".json")), json.dumps(labels, ensure_ascii=False).encode())
        content = (images / path).read_bytes()
        yield path, (_add_file(archive, path, content), len(content))


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a file without time and owner, which would differ from run to run; returns the offset of its content."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    start = archive.offset + len(member.tobuf(archive.format, archive.encoding or "utf-8", archive.errors or "strict"))
    archive.addfile(member, BytesIO(content))
    return start
