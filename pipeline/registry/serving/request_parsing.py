"""Request parsing: paths, archived photos, bytes, base64 or arrays, alone, in a list or in a table's first column."""

import base64
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.dataset.photo_shards import ArchivedPhoto
from pipeline.formats import images
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError

MOST_PHOTOS = 256
MOST_BYTES = 64 * 2**20
"""Limits of one request to a server."""
SERVED = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"  # what `mlflow models serve` sets
EXPECTED = "give paths, bytes, base64 or uint8 arrays (height, width, 3)"
BASE64 = re.compile(rb"(?:data:image/\w+;base64,)?((?:/9j/|iVBORw0KGgo)[A-Za-z0-9+/\s]++=*+)\s*+")
"""A JPEG or PNG in base64: both begin with bytes that no sensible path begins with, nor any image file.

Possessive quantifiers (`++`, `*+`) keep matching linear: with backtracking, a megabyte of blanks takes an hour.
"""


def cells(photos: Any) -> list[Any]:
    """The photos of a request, one by one.

    Raises:
        InputError: When there are none, the request is not a list of photos, or a served request is too large.
    """
    found = _listed(photos)
    if not found:
        raise InputError(f"no photos; {EXPECTED}")
    if os.environ.get(SERVED) == "true":
        _check_size(found)
    return found


def _listed(photos: Any) -> list[Any]:
    match photos:
        case pd.DataFrame():
            return list(photos.iloc[:, 0]) if photos.shape[1] else []
        case str() | bytes() | Path():
            return [photos]
        case np.ndarray() if photos.ndim == 3 and photos.dtype == np.uint8:
            return [photos]
        case Iterable() if not isinstance(photos, np.ndarray) or photos.ndim:
            return list(photos)
        case _:
            raise InputError(f"{type(photos).__name__} is neither a photo nor a list of photos; {EXPECTED}")


def _check_size(photos: Sequence[Any]) -> None:
    if len(photos) > MOST_PHOTOS:
        raise InputError(f"{len(photos):,} photos in one request; the server accepts {MOST_PHOTOS:,}, send several")
    size = sum(len(photo) for photo in photos if isinstance(photo, str | bytes))
    size += sum(photo.nbytes for photo in photos if isinstance(photo, np.ndarray))
    if size > MOST_BYTES:
        raise InputError(f"{size:,} bytes of photos in one request; the server accepts {MOST_BYTES:,}, send several")


def read(cell: Any, name: str, max_pixels: int = images.MAX_PIXELS) -> Pixels:
    """Upright RGB pixels (height, width, 3) of one photo.

    A served model opens no paths: a request must not read files of the server.

    Raises:
        InputError: When the photo cannot be read; the error refers to it as `name`.
    """
    match cell:
        case bytes() | str() if found := BASE64.fullmatch(_ascii(cell)):
            return _decode(found[1], name, max_pixels)
        case bytes():
            return images.decode(cell, name, max_pixels)
        case np.ndarray() if cell.dtype == np.uint8 and cell.ndim == 3 and cell.shape[2] == 3 and cell.size:
            return cell
        case np.ndarray():
            raise InputError(f"{name}: an array of {cell.dtype} {cell.shape}; it must be uint8 (height, width, 3), RGB")
        case str() | Path() if os.environ.get(SERVED) == "true":
            raise InputError(f"{name}: not a photo in base64; a served model opens no paths")
        case str() | Path():
            return images.read(Path(cell), max_pixels)
        case ArchivedPhoto():
            return images.read(cell, max_pixels)
    raise InputError(f"{name}: {type(cell).__name__} is not a photo")


def read_all(batch: Sequence[tuple[Any, str]], max_pixels: int = images.MAX_PIXELS) -> tuple[list[Pixels], list[str]]:
    """The pixels of the photos that can be read, and the faults of the others."""
    photos, faults = [], []
    for cell, name in batch:
        try:
            photos.append(read(cell, name, max_pixels))
        except InputError as error:
            faults.append(str(error))
    return photos, faults


def batches(cells: Sequence[Any], size: int) -> Iterator[list[tuple[Any, str]]]:
    """Photos with their names, numbered from 1, in batches."""
    named = [(cell, f"photo {number}") for number, cell in enumerate(cells, start=1)]
    for start in range(0, len(named), size):
        yield named[start : start + size]


def _ascii(cell: bytes | str) -> bytes:
    """The text of a cell. Of a request's `inputs` and `instances` MLflow makes bytes without decoding the base64."""
    return cell.encode("ascii", "replace") if isinstance(cell, str) else cell


def _decode(text: bytes, name: str, max_pixels: int) -> Pixels:
    try:
        return images.decode(base64.b64decode(text), name, max_pixels)
    except ValueError as error:
        raise InputError(f"{name}: not base64: {error}") from None
