"""Cropping of photos to what models see: one class for train, eval and inference."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.faces import alignment
from pipeline.faces.background import blacken
from pipeline.faces.config import Center, Grow
from pipeline.faces.config import Crop as Params
from pipeline.faces.detection import Detector, Face
from pipeline.faces.subject import choose
from pipeline.formats.images import Pixels

Source = Literal["face", "center", "whole"]
Box = tuple[int, int, int, int]
Edges = npt.NDArray[np.floating]

BATCH = 16
"""Photos per batch of the detector, equal in training and serving: a crop can depend on the rest of its batch."""


class CropResult(NamedTuple):
    """A crop (height, width, 3) of a photo.

    Attributes:
        pixels: The crop.
        box: Left, top, right, bottom in pixels of the upright photo; of an aligned crop, the box around it.
        source: What was cropped.
        face: The subject's face.
        faces: Number of faces found in the photo.
        photo_shape: Height and width of the upright photo in pixels.
    """

    pixels: Pixels
    box: Box
    source: Source
    face: Face | None
    faces: int
    photo_shape: tuple[int, int]


class Cropper:
    """Crops photos according to `params`; reproducible for equal batches."""

    def __init__(self, params: Params, device: str = "cpu") -> None:
        self.params = params
        self.detect = Detector(device) if params.searches_faces else _nothing

    def __call__(self, images: Sequence[Pixels]) -> list[CropResult]:
        """Crop each upright RGB photo (h, w, 3) to `params.shape`."""
        return [self._crop(image, faces) for image, faces in zip(images, self.detect(images), strict=True)]

    def _crop(self, image: Pixels, faces: Sequence[Face]) -> CropResult:
        height, width = image.shape[:2]
        face = choose(faces, width, height, self.params.subject)
        source: Source = "face" if face else "whole" if self.params.method == "none" else "center"
        if face and self.params.align:
            pixels, box, inside = self._align(image, face, self.params.align.coverage)
        else:
            box = self._box(face, width, height)
            pixels, inside = _resize(image, box, self.params.shape), _inside(face, box, self.params.shape)
        if self.params.blackens:
            pixels = blacken(pixels, inside)
        return CropResult(pixels, box, source, face, len(faces), (height, width))

    def _box(self, face: Face | None, width: int, height: int) -> Box:
        if face:
            return face_box(face, width, height, self.params.grow, self.params.square)
        return (0, 0, width, height) if self.params.method == "none" else center_box(width, height, self.params.center)

    def _align(self, image: Pixels, face: Face, coverage: float) -> tuple[Pixels, Box, Edges]:
        """Return the aligned crop, the box around it in the photo, and the face's box in the crop."""
        height, width = shape = self.params.shape
        transform = alignment.matrix(face.landmarks, shape, coverage)
        left, top, right, bottom = alignment.move(alignment.inverse(transform), np.array([0, 0, width, height]))
        horizontal, vertical = _clip(left, right, image.shape[1]), _clip(top, bottom, image.shape[0])
        box = (horizontal[0], vertical[0], horizontal[1], vertical[1])
        return alignment.warp(image, transform, shape), box, alignment.move(transform, face.box)


def face_box(face: Face, width: int, height: int, grow: Grow, square: bool) -> Box:
    """Return a face's box with a margin, optionally square, and clipped to the image.

    A square that reaches out of the image is moved inside; its side is at most the image's shorter side.

    Args:
        face: The face, in pixels of the image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        grow: The margin.
        square: Whether the box becomes a square of its longer side.
    """
    left, top, right, bottom = (float(edge) for edge in face.box)
    fraction = grow.unit == "fraction"
    x = grow.x * (right - left) if fraction else grow.x
    y = grow.y * (bottom - top) if fraction else grow.y
    left, top, right, bottom = left - x, top - y, right + x, bottom + y
    if square:
        side = min(max(round(max(right - left, bottom - top)), 1), width, height)
        return _square((left + right) / 2, (top + bottom) / 2, side, width, height)
    left, right = _clip(left, right, width)
    top, bottom = _clip(top, bottom, height)
    return left, top, right, bottom


def center_box(width: int, height: int, center: Center) -> Box:
    """Return the square in the centre of an image; its side is at most the image's shorter side."""
    side = center.side * min(width, height) if center.unit == "fraction" else center.side
    return _square(width / 2, height / 2, min(max(round(side), 1), width, height), width, height)


def thumbnail(image: Pixels, shape: tuple[int, int]) -> Pixels:
    """Return a whole photo reduced to a height and width, each pixel the mean of its part of the photo."""
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BOX))


def _square(x: float, y: float, side: int, width: int, height: int) -> Box:
    left = min(max(round(x - side / 2), 0), width - side)
    top = min(max(round(y - side / 2), 0), height - side)
    return left, top, left + side, top + side


def _clip(start: float, stop: float, length: int) -> tuple[int, int]:
    first = min(max(round(start), 0), length - 1)
    return first, max(min(round(stop), length), first + 1)


def _resize(image: Pixels, box: Box, shape: tuple[int, int]) -> Pixels:
    left, top, right, bottom = box
    cut = Image.fromarray(image[top:bottom, left:right])
    return np.asarray(cut.resize(shape[::-1], Image.Resampling.BICUBIC))  # Pillow's filter antialiases when it shrinks


def _inside(face: Face | None, box: Box, shape: tuple[int, int]) -> Edges:
    """Return the box of a face in the resized crop; without a face, the middle half of the crop."""
    if face is None:
        return np.asarray([0.25, 0.25, 0.75, 0.75] * np.tile(shape[::-1], 2))
    left, top, right, bottom = box
    scale = np.divide(shape[::-1], (right - left, bottom - top))
    return np.asarray((face.box - np.tile((left, top), 2)) * np.tile(scale, 2))


def _nothing(images: Sequence[Pixels]) -> list[list[Face]]:
    return [[] for _ in images]
