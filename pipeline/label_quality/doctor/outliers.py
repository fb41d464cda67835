"""Photos that are unlike the others: in their file, size, brightness or sharpness."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.label_quality.doctor.findings import LOOK, Check, Finding
from pipeline.label_quality.doctor.photos import Picture

Numbers = npt.NDArray[np.float64]

ODD = Check("odd file", LOOK, "Read as they are meant, but they may have come another way than the others.")
SIZE = Check("size", LOOK, "Width or height far from the others': another camera, or a crop.")
BRIGHTNESS = Check("brightness", LOOK, "Far darker or brighter than the others.")
BLUR = Check("blur", LOOK, "Far less detail than in the others: blurred, or nothing to see.")
SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}


def find(photos: Sequence[Picture]) -> Iterator[Finding]:
    """Findings on single photos; what is far out is judged by Tukey's outer fences."""
    if not photos:
        return
    for photo in photos:
        if traits := ", ".join(_traits(photo)):
            yield Finding(ODD, f"{photo.path}: {traits}", (photo.path,))
    yield from _sizes(photos)
    yield from _dark_and_bright(photos)
    yield from _blurred(photos)


def fences(values: Numbers) -> tuple[float, float]:
    """Three interquartile ranges below the first quartile and above the third (Tukey 1977); beyond is far out."""
    first, third = np.quantile(values, [0.25, 0.75])
    return float(first - 3 * (third - first)), float(third + 3 * (third - first))


def _traits(photo: Picture) -> Iterator[str]:
    suffix = PurePosixPath(photo.path).suffix.lower()
    if suffix not in SUFFIXES[photo.kind]:
        yield f"a {photo.kind} file by content"
    if photo.orientation != 1:
        yield f"EXIF orientation {photo.orientation}"
    if photo.transparent:
        yield "transparency"
    if photo.mode not in ("RGB", "RGBA"):
        yield f"mode {photo.mode}"


def _sizes(photos: Sequence[Picture]) -> Iterator[Finding]:
    sizes = np.array([(photo.width, photo.height) for photo in photos], dtype=float)
    (left, right), (bottom, top) = fences(sizes[:, 0]), fences(sizes[:, 1])
    for photo in photos:
        if not (left <= photo.width <= right and bottom <= photo.height <= top):
            text = f"{photo.path}: {photo.width} x {photo.height}"
            yield Finding(SIZE, f"{text}, where others have {_usual(sizes)}", (photo.path,))


def _usual(sizes: Numbers) -> str:
    width, height = np.median(sizes, axis=0)
    return f"{width:.0f} x {height:.0f}"


def _dark_and_bright(photos: Sequence[Picture]) -> Iterator[Finding]:
    brightness = np.array([photo.brightness for photo in photos])
    low, high = fences(brightness)
    for photo in photos:
        if not low <= photo.brightness <= high:
            text = f"{photo.path}: brightness {photo.brightness:.0f} of 255"
            yield Finding(BRIGHTNESS, f"{text}, where others have about {np.median(brightness):.0f}", (photo.path,))


def _blurred(photos: Sequence[Picture]) -> Iterator[Finding]:
    detail = np.log([photo.sharpness + 0.1 for photo in photos])  # 0.1: a photo of one colour has none
    low, _ = fences(detail)
    usual = np.median([photo.sharpness for photo in photos])
    for photo, value in zip(photos, detail, strict=True):
        if value < low:
            text = f"{photo.path}: sharpness {photo.sharpness:.1f}, where others have about {usual:.1f}"
            yield Finding(BLUR, text, (photo.path,))
