"""Photos in tar archives, the shards of WebDataset's layout, in place of the competition's file per photo.

A folder of photos, `train/images` or `eval/images`, then has `shard-00000.tar`, ... and `index.parquet` with the
archive, the place and the size of every photo. `shard_writer` writes them.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.inside import is_name, leads_out
from pipeline.formats import tables
from pipeline.formats.images import PhotoFile
from pipeline.foundation.errors import InputError, raise_faults

INDEX = "index.parquet"
COLUMNS: dict[str, tables.Kind] = {"path": "text", "shard": "text", "offset": "integer", "bytes": "integer"}
REMEDY = "write the shards again with `python -m pipeline shards`"


@dataclass(frozen=True, slots=True)
class ArchivedPhoto:
    """A photo in an archive: `size` bytes from `offset` on. It is read without the rest of the archive."""

    archive: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.archive}: {self.name}"

    @property
    def path(self) -> Path:
        """Where the photo would be without archives."""
        return self.archive.parent / self.name

    def read_bytes(self) -> bytes:
        """The file, as it was.

        Raises:
            InputError: When the archive is missing, or shorter than its index says.
        """
        try:
            with self.archive.open("rb") as archive:
                there = os.fstat(archive.fileno()).st_size - self.offset
                content = os.pread(archive.fileno(), min(self.size, there), self.offset)
        except OSError as error:
            raise InputError(f"{self.archive}: {error.strerror}; {REMEDY}") from None
        if len(content) != self.size:
            raise InputError(f"{self.archive}: it ends within {self.name}; {REMEDY}")
        return content


def is_sharded(folder: Path) -> bool:
    """Whether a folder of photos holds archives."""
    return (folder / INDEX).is_file()


def paths(folder: Path) -> "pd.Series[str]":
    """The paths (n,) of all photos of a folder of archives, each once.

    Raises:
        InputError: When the index is malformed, or names an archive outside of the folder.
    """
    listed, archives = [], set()
    for batch in tables.batches(folder / INDEX, COLUMNS):
        listed.append(batch[["path"]])
        archives |= set(batch["shard"])
    _require_inside(folder, archives)
    table = pd.concat(listed, ignore_index=True)
    tables.require_unique(folder / INDEX, table, "path")
    return table["path"]


def parts(paths: "pd.Series[str]") -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """Folder and stem (n,) of paths such as `person/stem.jpg`; empty for others."""
    found = pc.extract_regex(pa.array(paths), r"^(?P<folder>[^/]+)/(?P<stem>[^/]+)\.[^./]+$")
    folder, stem = (
        pd.Series(pc.fill_null(pc.struct_field(found, name), "").to_pandas(), dtype="str")
        for name in ("folder", "stem")
    )
    return folder, stem


def files(folder: Path, names: Sequence[str]) -> list[PhotoFile]:
    """The files of some photos of a folder: files of their own, or parts of archives.

    Raises:
        InputError: When the index of the archives is malformed, or lacks a photo.
    """
    if not is_sharded(folder):
        return [folder / name for name in names]
    found, archive = _places(folder, names), cache(folder.joinpath)
    return [ArchivedPhoto(archive(shard), name, offset, size) for name, shard, offset, size in found]


def absent(folder: Path, names: Sequence[str]) -> list[str]:
    """The photos that a folder does not have. Raises as `paths` does."""
    if is_sharded(folder):
        there = set(paths(folder))
        return [name for name in names if name not in there]
    return [name for name in names if not (folder / name).is_file()]


def sources(folder: Path, names: Sequence[str]) -> set[Path]:
    """The files on disk that some photos of a folder are read from. Raises as `files` does."""
    if not is_sharded(folder):
        return {folder / name for name in names}
    return {folder / shard for _, shard, _, _ in _places(folder, names)}


def digest(folder: Path, names: Sequence[str]) -> str:
    """A digest of where the index of archives has some photos; empty without archives. Raises as `files` does."""
    if not is_sharded(folder):
        return ""
    return hashlib.sha256(repr(list(_places(folder, names))).encode()).hexdigest()


def _places(folder: Path, names: Sequence[str]) -> Iterable[tuple[str, str, int, int]]:
    """The rows of photos in the index, in the order of their names; other rows are not kept in memory."""
    wanted = pd.Index(names)
    kept = [batch[batch["path"].isin(wanted)] for batch in tables.batches(folder / INDEX, COLUMNS)]
    table = pd.concat(kept).drop_duplicates("path").set_index("path")
    _require_inside(folder, set(table["shard"]))
    raise_faults(f"{folder / INDEX}: photos that are not in it; {REMEDY}", list(wanted[~wanted.isin(table.index)]))
    return table.loc[wanted, ["shard", "offset", "bytes"]].itertuples(name=None)


def _require_inside(folder: Path, archives: set[str]) -> None:
    strange = [repr(name) for name in sorted(archives) if not is_name(name) or leads_out(folder, folder / name)]
    raise_faults(f"{folder / INDEX}: archives that are not in {folder}; refused", strange)
