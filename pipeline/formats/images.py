"""Decoding of photos to upright RGB pixels, the reasons why one cannot be decoded, and the writing of images."""

import os
import struct
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from pipeline.formats import jpeg
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_bytes
from pipeline.foundation.threads import mapped

Pixels = npt.NDArray[np.uint8]


class PhotoFile(Protocol):
    """What holds the bytes of a photo: a `Path`, or a part of an archive. `str` names it in messages."""

    def read_bytes(self) -> bytes:
        """The content."""


EXTENSIONS = (".jpg", ".jpeg", ".png")
"""Extensions of the photos in the competition's layout."""
FORMATS = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
}
"""Readable formats, as Pillow names them, with their extensions."""
HEIF = (".heic", ".heif")
CONVERT = "convert it to JPEG (heif-convert photo.heic photo.jpg), or install pillow-heif"
"""The remedy for a HEIC photo without the plugin that reads it."""
if find_spec("pillow_heif"):
    import_module("pillow_heif").register_heif_opener()
    FORMATS["HEIF"] = HEIF
DAMAGED = (
    *(SyntaxError, ValueError, RuntimeError, TypeError, LookupError, EOFError, OverflowError),
    *(struct.error, Image.DecompressionBombError),
)
"""What Pillow's decoders raise for damaged bytes, beside `OSError`."""
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MAX_PIXELS = 100_000_000
"""Default maximum of pixels. Larger photos are refused before decoding: a kilobyte of PNG can expand to gigabytes."""
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit, which warns first; `MAX_PIXELS` takes its place
PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
UPRIGHT = {  # what undoes each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(path: PhotoFile, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read a photo in any of `FORMATS` and any mode as upright RGB pixels, uint8 (height, width, 3).

    The EXIF orientation is applied, transparency is composited over white, and 16 bits are reduced to the upper 8.

    Args:
        path: The file.
        max_pixels: Larger photos are refused before decoding.

    Raises:
        InputError: When the photo is missing, empty, truncated, too large or otherwise unreadable.
    """
    return decode(_bytes(path), str(path), max_pixels)


def decode(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode the bytes of a photo as `read` does; an `InputError` begins with `name`."""
    image = load(data, name, max_pixels)
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation in UPRIGHT:  # ImageOps.exif_transpose rewrites all tags and fails on unusual ones
        image = image.transpose(UPRIGHT[orientation])
    return np.array(_rgb(image))


def write_image(image: Image.Image, path: Path, synced: bool = True) -> None:
    """Write an image as PNG, or as JPEG of quality 90, by the extension of the path; `synced` as for `files.replacing`.

    It is encoded in memory. Pillow writes a JPEG to a file without a look at how much of it the disk takes: on a disk
    that becomes full a part of the file would be left, and no error.
    """
    buffer = BytesIO()
    image.save(buffer, "PNG" if path.suffix == ".png" else "JPEG", quality=90)
    write_bytes(path, buffer.getvalue(), synced)


def small_jpeg(pixels: Pixels, side: int, quality: int) -> bytes:
    """Encode an image as a small JPEG.

    Args:
        pixels: RGB pixels (height, width, 3).
        side: Longest side of the JPEG, in pixels; a smaller image keeps its size.
        quality: Pillow's JPEG quality, 1 to 95.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def check(paths: Iterable[PhotoFile], max_pixels: int = MAX_PIXELS) -> None:
    """Decode every photo at low resolution; raises one `InputError` that lists all unreadable ones."""
    raise_faults("photos that cannot be read; get them again", [*filter(None, faults(paths, max_pixels))])


def faults(paths: Iterable[PhotoFile], max_pixels: int = MAX_PIXELS) -> list[str | None]:
    """Return the `fault` of every path, in order, with a thread per core."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(mapped(threads, lambda path: fault(path, max_pixels), paths))


def fault(path: PhotoFile, max_pixels: int = MAX_PIXELS) -> str | None:
    """Return the path and the reason why a photo cannot be read, or None for a readable one.

    The photo is decoded at low resolution, which still reads all of its bytes.
    """
    try:
        load(_bytes(path), str(path), max_pixels, draft=(1, 1))
    except InputError as error:
        return str(error)
    return None


def _bytes(path: PhotoFile) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ValueError:  # a NUL, or half a surrogate pair
        raise InputError(f"{str(path)!r} cannot be the name of a file") from None


def load(data: bytes, name: str, max_pixels: int = MAX_PIXELS, draft: tuple[int, int] | None = None) -> Image.Image:
    """Decode a photo as it is stored: in its mode, and not yet upright.

    Args:
        data: The file.
        name: Its name, with which an `InputError` begins.
        max_pixels: Larger photos are refused before decoding.
        draft: Least width and height; a JPEG is decoded in grey and at a fraction of its size, from all of its bytes.

    Raises:
        InputError: When the photo is empty, truncated, too large or otherwise unreadable.
    """
    try:
        if data.startswith(PNG) and PNG_END not in data:  # Pillow tolerates a missing end
            raise InputError(f"{name}: truncated")
        image = Image.open(BytesIO(data), formats=tuple(FORMATS))
        if image.width * image.height > max_pixels:
            raise InputError(
                f"{name}: {image.width} x {image.height} pixels; the maximum is {max_pixels:,} (crop.max_pixels); "
                "save it smaller, or raise the maximum"
            )
        if draft:
            image.draft("L", draft)
        image.load()
        image.getexif()  # fails here rather than later on unreadable tags
        if image.format in ("JPEG", "MPO") and jpeg.is_cut(data, image):
            raise InputError(f"{name}: truncated: the picture ends in the middle, the rest is grey or blurred")
        return image
    except UnidentifiedImageError:
        raise InputError(f"{name}: {_unknown(data)}") from None
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    except DAMAGED as error:
        raise InputError(f"{name}: {error}") from None


def _unknown(data: bytes) -> str:
    """Return why bytes are not a readable photo, and the remedy."""
    if not data:
        return "empty (0 bytes)"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC:
        return "a damaged HEIC photo" if "HEIF" in FORMATS else f"a HEIC photo; {CONVERT}"
    return f"not a photo that can be read ({', '.join(FORMATS)})"


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion clips at 255 instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
