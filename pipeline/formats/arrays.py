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
    """An array (n, height, width, 3) to be filled; the file is in its place when the body has ended well.

    Raises `OSError` where the disk has no room for all of it: a page of a sparse map that finds none later would end
    the process by SIGBUS, without a word.
    """
    with replacing(path) as partial:
        pixels = open_memmap(partial, "w+", np.uint8, shape)
        _reserve(partial)
        yield pixels
        pixels.flush()


def read(path: Path) -> Pixels:
    """The images (n, height, width, 3) of a file that `writing` wrote; raises `InputError` for anything else."""
    try:
        pixels = open_memmap(path, mode="r")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    except (ValueError, EOFError, SyntaxError, TokenError) as error:  # numpy parses the header as a Python literal
        raise InputError(f"{path}: not an array of images: {error}; run `dvc repro`") from None
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise InputError(f"{path}: not an array of images uint8 (n, height, width, 3); run `dvc repro`")
    return pixels


def _reserve(path: Path) -> None:
    """Have the disk set all of a sparse file's bytes aside."""
    import os

    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
