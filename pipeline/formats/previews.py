"""Previews: crops as small JPEGs, a shard in one Arrow file, for pages and sheets that show some of very many."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa

from pipeline.formats.images import Pixels, small_jpeg
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import replacing

SIDE = 96
"""Longest side of a preview in pixels."""
QUALITY = 65
SCHEMA = pa.schema([("jpeg", pa.binary())])
ROWS = 1024
"""Previews of a record batch: what is in memory while a file is written."""


def encode(crop: Pixels) -> bytes:
    """The preview of a crop (height, width, 3): a JPEG."""
    return small_jpeg(crop, SIDE, QUALITY)


def write(previews: Iterable[bytes], path: Path) -> None:
    """Write previews, in order and atomically. Equal previews are equal bytes."""
    remaining = iter(previews)
    with replacing(path) as partial, pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        while batch := list(islice(remaining, ROWS)):
            writer.write_batch(pa.record_batch([pa.array(batch, pa.binary())], schema=SCHEMA))


def read(path: Path) -> pa.ChunkedArray:
    """Map the previews (n) of a file of `write`; raises `InputError` for any other file."""
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a file of previews: {error}; run `dvc repro`") from None
    if table.schema != SCHEMA:
        raise InputError(f"{path}: not a file of previews: its columns are {table.column_names}; run `dvc repro`")
    return table.column(0)


class Previews:
    """The previews (n) of several files, one file after another, none of them read before it is asked for."""

    def __init__(self, parts: Sequence[pa.ChunkedArray]) -> None:
        self._previews = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.binary())

    def __len__(self) -> int:
        return len(self._previews)

    def __getitem__(self, row: int, /) -> bytes:
        """The JPEG of a row; raises `IndexError` beyond the last one."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        preview: bytes = self._previews[row].as_py()
        return preview
