"""Checks for photos that differ from the others in format, size, brightness or sharpness."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.formats.images import FORMATS
from pipeline.label_quality.doctor.findings import WARNING, Check, Finding
from pipeline.label_quality.doctor.photos import CheckedPhoto

Numbers = npt.NDArray[np.float64]

FORMAT = Check(
    "file format",
    WARNING,
    "The stages read the photo, but its format or its metadata differ from the others'.",
    "Check that the photo comes from the same source as the others. Convert it if a tool of yours cannot read it.",
)
SIZE = Check(
    "size",
    WARNING,
    "Width or height far from the others': another camera, or a crop.",
    "Check that the photo shows the whole head. Replace it if it does not.",
)
BRIGHTNESS = Check(
    "brightness",
    WARNING,
    "Far darker or brighter than the others.",
    "Look at the photo (--html). Replace it if the face cannot be seen.",
)
BLUR = Check(
    "blur",
    WARNING,
    "Far less detail than in the others: a blurred or an empty photo.",
    "Look at the photo (--html). Replace it if the face cannot be seen.",
)

FEWEST = 20
"""Number of photos below which quartiles of brightness and sharpness say too little."""


def find(photos: Sequence[CheckedPhoto]) -> Iterator[Finding]:
    """Findings on single photos; a value beyond Tukey's outer fences is an outlier."""
    if not photos:
        return
    for photo in photos:
        if traits := ", ".join(_traits(photo)):
            yield Finding(FORMAT, f"{photo.path}: {traits}", (photo.path,))
    yield from _sizes(photos)
    if len(photos) >= FEWEST:
        yield from _dark_and_bright(photos)
        yield from _blurred(photos)


def fences(values: Numbers, spread: float = 3) -> tuple[float, float]:
    """Tukey's fences (1977), the outer ones: three interquartile ranges below the first quartile and above the third.

    Args:
        values: Numbers (n,).
        spread: Another number of interquartile ranges.
    """
    first, third = np.quantile(values, [0.25, 0.75])
    return float(first - spread * (third - first)), float(third + spread * (third - first))


def _traits(photo: CheckedPhoto) -> Iterator[str]:
    suffix = PurePosixPath(photo.path).suffix.lower()
    if suffix not in FORMATS[photo.kind]:
        yield f"content is {photo.kind}"
    if photo.orientation != 1:
        yield f"EXIF orientation {photo.orientation}"
    if photo.transparent:
        yield "transparency"
    if photo.mode not in ("RGB", "RGBA"):
        yield f"mode {photo.mode}"


def _sizes(photos: Sequence[CheckedPhoto]) -> Iterator[Finding]:
    sizes = np.array([(photo.width, photo.height) for photo in photos], dtype=float)
    (left, right), (bottom, top) = fences(sizes[:, 0]), fences(sizes[:, 1])
    for photo in photos:
        if not (left <= photo.width <= right and bottom <= photo.height <= top):
            text = f"{photo.path}: {photo.width} x {photo.height}"
            yield Finding(SIZE, f"{text}, the others have {_usual(sizes)}", (photo.path,))


def _usual(sizes: Numbers) -> str:
    width, height = np.median(sizes, axis=0)
    return f"{width:.0f} x {height:.0f}"


def _dark_and_bright(photos: Sequence[CheckedPhoto]) -> Iterator[Finding]:
    brightness = np.array([photo.brightness for photo in photos])
    low, high = fences(brightness)
    for photo in photos:
        if not low <= photo.brightness <= high:
            text = f"{photo.path}: brightness {photo.brightness:.0f} of 255"
            yield Finding(BRIGHTNESS, f"{text}, the others have about {np.median(brightness):.0f}", (photo.path,))


def _blurred(photos: Sequence[CheckedPhoto]) -> Iterator[Finding]:
    detail = np.log([photo.sharpness + 0.1 for photo in photos])  # 0.1: a photo of one colour has no detail
    low, _ = fences(detail)
    usual = np.median([photo.sharpness for photo in photos])
    for photo, value in zip(photos, detail, strict=True):
        if value < low:
            text = f"{photo.path}: sharpness {photo.sharpness:.1f}, the others have about {usual:.1f}"
            yield Finding(BLUR, text, (photo.path,))
