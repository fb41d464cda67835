"""Arrays of images on disk, mapped into memory."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tokenize import TokenError
from typing import Protocol

import numpy as np
from numpy.lib.format import open_memmap

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import replacing

UNREADABLE = (ValueError, TypeError, OverflowError, EOFError, SyntaxError, TokenError)
"""What numpy raises for a damaged file, whose header it parses as a Python literal."""


@contextmanager
def writing(path: Path, shape: tuple[int, int, int, int]) -> Iterator[Pixels]:
    """Yield a memory-mapped uint8 array (n, height, width, 3) to fill; the file replaces `path` when the body succeeds.

    Raises:
        OSError: When the disk has no room for the whole array. It is reserved first, because a sparse file on a full
            disk ends the process later by SIGBUS, without a message.
    """
    with replacing(path) as partial:
        pixels = open_memmap(partial, "w+", np.uint8, shape)
        _reserve(partial)
        yield pixels
        pixels.flush()


def read(path: Path) -> Pixels:
    """Map the uint8 images (n, height, width, 3) of a file of `writing`; raises `InputError` for any other file."""
    try:
        pixels = open_memmap(path, mode="r")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    except UNREADABLE as error:
        raise InputError(f"{path}: not an array of images: {error}; run `dvc repro`") from None
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise InputError(f"{path}: not an array of images uint8 (n, height, width, 3); run `dvc repro`")
    return pixels


class Packed(Protocol):
    """Packed images, (height, width, 3) each, or their features, (k,) each, by row."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, row: int, /) -> Pixels:
        """The image of a row."""


def digest(image: Pixels) -> int:
    """A hash of 64 bits of an image's pixels: equal images have the same, and hardly any others."""
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little", signed=True)


class Shards:
    """Images (n, height, width, 3) of several arrays, one array after another, none of them copied."""

    def __init__(self, parts: Sequence[Pixels]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __iter__(self) -> Iterator[Pixels]:
        """The images, in order."""
        return chain.from_iterable(self._parts)

    def __getitem__(self, row: int, /) -> Pixels:
        """The image of a row; raises `IndexError` beyond the last one."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        image: Pixels = self._parts[part][row - self._starts[part]]
        return image


def _reserve(path: Path) -> None:
    """Allocate all blocks of a sparse file."""
    import os

    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
