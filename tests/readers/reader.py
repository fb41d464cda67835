"""A reader of the pipeline as the tests call it, on any bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reader:
    """What a reader reads in a test: the content of a file, or a request, and the call that reads it."""

    valid: bytes
    read: Callable[[bytes], object]


def file_reader(path: Path, read: Callable[[Path], object], valid: bytes | None = None) -> Reader:
    """A reader of a file that lies there, or of one with this content."""
    content = path.read_bytes() if valid is None else valid

    def reading(damaged: bytes) -> object:
        path.write_bytes(damaged)
        try:
            return read(path)
        finally:
            path.write_bytes(content)

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Reader(content, reading)
