"""Arrays of images on disk, mapped into memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib.format import open_memmap

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import replacing


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
    except (ValueError, EOFError, SyntaxError, TokenError) as error:  # numpy parses the header as a Python literal
        raise InputError(f"{path}: not an array of images: {error}; run `dvc repro`") from None
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise InputError(f"{path}: not an array of images uint8 (n, height, width, 3); run `dvc repro`")
    return pixels


def thumbnails(split: str) -> str:
    """Name of the file with thumbnails of the whole photos of a split, beside the file of its crops."""
    return f"{split}_thumbnails.npy"


def _reserve(path: Path) -> None:
    """Allocate all blocks of a sparse file."""
    import os

    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
