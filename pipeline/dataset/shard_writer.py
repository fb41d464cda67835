"""Writing of a data set's photos as shards (`photo_shards`): tar archives in WebDataset's layout.

In an archive a photo has its path below `images/`; a train photo is preceded by its labels as JSON under the same name,
so that the `webdataset` package reads pairs of `json` and `jpg`. Ten million files are a gigabyte of names to a file
system and to DVC; a thousand archives are a thousand names.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, train_photos
from pipeline.formats import tables
from pipeline.foundation.files import replacing, write_bytes

TABLES = (Path("train", "train.csv"), Path("eval", "info.csv"), Path("eval", "answers.csv"))
PHOTOS = 10_000
"""Photos of a shard, by default: about a gigabyte."""

Photo = tuple[str, Mapping[str, Any] | None, bytes]  # its path below images/, its labels and its file


def write(root: Path, output: Path, photos: int = PHOTOS) -> dict[str, int]:
    """Write the photos of a data set as shards; one photo is in memory at a time. Equal data sets are equal bytes.

    Args:
        root: Folder of the data set in the competition's layout.
        output: Folder to write to: a data set with archives in train/images and eval/images, and the tables of `root`.
        photos: Photos of a shard.

    Returns:
        The number of shards of each split.

    Raises:
        InputError: Lists every fault of the data set, before anything is written.
    """
    labels, names = train_photos(root), eval_photos(root)
    columns = [str(column) for column in labels if column != "path"]
    train = (
        (path, dict(zip(columns, row, strict=True)), (root / TRAIN / path).read_bytes())
        for path, *row in labels[["path", *columns]].itertuples(index=False, name=None)
    )
    unlabelled = ((name, None, (root / EVAL / name).read_bytes()) for name in names)
    counts = {
        "train": write_split(output / TRAIN, train, photos),
        "eval": write_split(output / EVAL, unlabelled, photos),
    }
    for table in TABLES:
        if (root / table).exists():
            write_bytes(output / table, (root / table).read_bytes())
    return counts


def write_split(folder: Path, photos: Iterable[Photo], most: int = PHOTOS) -> int:
    """Write photos as shards of at most `most`, with their index; returns the number of shards."""
    numbers = count()
    tables.write_parts(_shards(folder, iter(photos), most, numbers), folder / photo_shards.INDEX)
    return next(numbers)


def _shards(folder: Path, photos: Iterator[Photo], most: int, numbers: Iterator[int]) -> Iterator[pd.DataFrame]:
    """Write one shard after another; yields the part of the index that is of each."""
    for first in photos:
        name = f"shard-{next(numbers):05}.tar"
        with replacing(folder / name) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            rows = [_add(archive, name, *photo) for photo in chain([first], islice(photos, most - 1))]
        yield pd.DataFrame(rows, columns=list(photo_shards.COLUMNS))


def _add(
    archive: tarfile.TarFile, shard: str, path: str, labels: Mapping[str, Any] | None, content: bytes
) -> tuple[str, str, int, int]:
    """Add a photo to an archive; returns its row in the index."""
    if labels is not None:
        _add_file(archive, str(Path(path).with_suffix(".json")), json.dumps(labels, ensure_ascii=False).encode())
    return path, shard, _add_file(archive, path, content), len(content)


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a file without time and owner, which would differ from run to run; returns the offset of its content."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, BytesIO(content))
    blocks = -(-len(content) // tarfile.BLOCKSIZE)
    return archive.offset - blocks * tarfile.BLOCKSIZE
