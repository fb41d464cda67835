"""Writing of a data set's photos as shards (`photo_shards`): tar archives in WebDataset's layout.

In an archive a photo has its path below `images/`; a train photo is preceded by its labels as JSON under the same name,
so that the `webdataset` package reads pairs of `json` and `jpg`. Ten million files are a gigabyte of names to a file
system and to DVC; a thousand archives are a thousand names.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import islice
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

Labelled = tuple[str, Mapping[str, Any] | None]  # a photo's path below images/, and its labels


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
    train: Iterator[Labelled] = (
        (path, dict(zip(columns, row, strict=True)))
        for path, *row in labels[["path", *columns]].itertuples(index=False, name=None)
    )
    unlabelled: Iterator[Labelled] = ((name, None) for name in names)
    counts = {
        "train": _write_split(root / TRAIN, train, output / TRAIN, photos),
        "eval": _write_split(root / EVAL, unlabelled, output / EVAL, photos),
    }
    for table in TABLES:
        if (root / table).exists():
            write_bytes(output / table, (root / table).read_bytes())
    return counts


def _write_split(images: Path, photos: Iterator[Labelled], folder: Path, most: int) -> int:
    rows: list[tuple[str, str, int, int]] = []
    count = 0
    while batch := list(islice(photos, most)):
        name = f"shard-{count:05}.tar"
        with replacing(folder / name) as partial, tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            rows += [(path, name, *place) for path, place in _add(archive, images, batch)]
        count += 1
    tables.write(pd.DataFrame(rows, columns=list(photo_shards.COLUMNS)), folder / photo_shards.INDEX)
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
