"""Pictures that are unlike the others: in their file, size, brightness or sharpness."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from pipeline.label_quality.doctor.findings import LOOK, Check, Finding
from pipeline.label_quality.doctor.pictures import Picture

Numbers = npt.NDArray[np.float64]

ODD = Check("odd file", LOOK, "Read as they are meant, but they may have come another way than the others.")
SIZE = Check("size", LOOK, "Width or height far from the others': another camera, or a crop.")
BRIGHTNESS = Check("brightness", LOOK, "Far darker or brighter than the others.")
BLUR = Check("blur", LOOK, "Far less detail than in the others: blurred, or nothing to see.")
SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",)}


def find(pictures: Sequence[Picture]) -> Iterator[Finding]:
    """Findings on single pictures; what is far out is judged by Tukey's outer fences."""
    if not pictures:
        return
    for picture in pictures:
        if traits := ", ".join(_traits(picture)):
            yield Finding(ODD, f"{picture.path}: {traits}", (picture.path,))
    yield from _sizes(pictures)
    yield from _dark_and_bright(pictures)
    yield from _blurred(pictures)


def fences(values: Numbers) -> tuple[float, float]:
    """Three interquartile ranges below the first quartile and above the third (Tukey 1977); beyond is far out."""
    first, third = np.quantile(values, [0.25, 0.75])
    return float(first - 3 * (third - first)), float(third + 3 * (third - first))


def _traits(picture: Picture) -> Iterator[str]:
    suffix = PurePosixPath(picture.path).suffix.lower()
    if suffix not in SUFFIXES[picture.kind]:
        yield f"a {picture.kind} file by content"
    if picture.orientation != 1:
        yield f"EXIF orientation {picture.orientation}"
    if picture.transparent:
        yield "transparency"
    if picture.mode not in ("RGB", "RGBA"):
        yield f"mode {picture.mode}"


def _sizes(pictures: Sequence[Picture]) -> Iterator[Finding]:
    sizes = np.array([(picture.width, picture.height) for picture in pictures], dtype=float)
    (left, right), (bottom, top) = fences(sizes[:, 0]), fences(sizes[:, 1])
    for picture in pictures:
        if not (left <= picture.width <= right and bottom <= picture.height <= top):
            text = f"{picture.path}: {picture.width} x {picture.height}"
            yield Finding(SIZE, f"{text}, where others have {_usual(sizes)}", (picture.path,))


def _usual(sizes: Numbers) -> str:
    width, height = np.median(sizes, axis=0)
    return f"{width:.0f} x {height:.0f}"


def _dark_and_bright(pictures: Sequence[Picture]) -> Iterator[Finding]:
    brightness = np.array([picture.brightness for picture in pictures])
    low, high = fences(brightness)
    for picture in pictures:
        if not low <= picture.brightness <= high:
            text = f"{picture.path}: brightness {picture.brightness:.0f} of 255"
            yield Finding(BRIGHTNESS, f"{text}, where others have about {np.median(brightness):.0f}", (picture.path,))


def _blurred(pictures: Sequence[Picture]) -> Iterator[Finding]:
    detail = np.log([picture.sharpness + 0.1 for picture in pictures])  # 0.1: a picture of one colour has none
    low, _ = fences(detail)
    usual = np.median([picture.sharpness for picture in pictures])
    for picture, value in zip(pictures, detail, strict=True):
        if value < low:
            text = f"{picture.path}: sharpness {picture.sharpness:.1f}, where others have about {usual:.1f}"
            yield Finding(BLUR, text, (picture.path,))
