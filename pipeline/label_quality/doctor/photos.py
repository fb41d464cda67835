"""Measurements of the doctor on each photo, from one decoding of a reduced grey version."""

import hashlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from pipeline.dataset.layout import TRAIN, photo_files
from pipeline.formats.generated import mark
from pipeline.formats.images import DAMAGED, FORMATS, MAX_PIXELS, UPRIGHT, PhotoFile, decode, load, read
from pipeline.formats.opencv import cv2
from pipeline.formats.perceptual_hash import SIZE, perceptual_hash
from pipeline.foundation.errors import InputError
from pipeline.foundation.progress import watch
from pipeline.label_quality.doctor.findings import ERROR, WARNING, Check, Finding
from pipeline.label_quality.doctor.layout import faults

UNREADABLE = Check(
    "unreadable",
    ERROR,
    "The file cannot be decoded. The stages refuse the data set.",
    "Copy the file again from its source. Without a sound copy, remove the person (folder and row) or the eval photo.",
)
SUSPICIOUS = Check(
    "suspicious file",
    WARNING,
    "The photo can be decoded, but the image library warns: the file may be damaged, or is unusually large.",
    "Open the photo. If it looks right, save it again; otherwise copy it again from its source.",
)
GENERATED = Check(
    "generated photo",
    WARNING,
    "The file has a mark of an image generator. Generated people in train are held out too, and scores flatter.",
    "Remove the person, folder and row, or keep generated people in a data set of their own.",
)
SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap width and height."""
SAME_FORMAT = {"MPO": "JPEG"}
"""Pillow's names of formats whose files are also valid in another: an MPO file of a phone begins with a JPEG."""
THUMBNAIL = (32, 32)
CUTS = (0.03, 0.06, 0.09)
"""Shares of the width and height that variants lack on each side."""


class Variant(NamedTuple):
    """The perceptual hash and the thumbnail of a changed photo."""

    perceptual_hash: bytes
    thumbnail: bytes


@dataclass(frozen=True)
class CheckedPhoto:
    """A readable photo: properties of its file, and measurements of its reduced grey version."""

    path: str
    """Relative to the data set's folder."""
    content: bytes
    """Digest of the file's bytes."""
    kind: str
    """Format by content, one of `images.FORMATS`."""
    mode: str
    orientation: int
    transparent: bool
    width: int
    height: int
    """In pixels, upright."""
    brightness: float
    """Mean grey value, 0 to 255."""
    sharpness: float
    """Variance of the Laplacian (Pech-Pacheco et al. 2000), low in blurred photos."""
    perceptual_hash: bytes
    """256 bits that change little when the photo is saved again."""
    thumbnail: bytes
    """32 x 32 grey values."""
    generator: str | None = None
    """Mark of an image generator."""
    variants: tuple["Variant", ...] = ()
    """The photo mirrored and without its edges, as copies of it are saved."""

    @property
    def owner(self) -> str:
        """The person's folder for a train photo; the path itself for an eval photo, whose person is unknown."""
        path = PurePosixPath(self.path)
        return path.parent.name if path.is_relative_to(TRAIN.as_posix()) else self.path

    @property
    def is_train(self) -> bool:
        """Whether the photo lies in train/images."""
        return self.owner != self.path


def examine(root: Path, paths: list[str], max_pixels: int = MAX_PIXELS) -> tuple[list[CheckedPhoto], list[Finding]]:
    """Measure photos on all cores.

    Args:
        root: Folder of the data set.
        paths: Photos, relative to `root`.
        max_pixels: Photos with more pixels are refused, as the stages refuse them.

    Returns:
        The readable photos in the order of `paths`, and a finding for every other photo, every generated one and every
        one that the image library warns about.
    """
    texts = threading.local()

    def note(message: Warning | str, *_: object, **__: object) -> None:
        texts.found.append(str(message))

    def examined(path: str, file: PhotoFile) -> tuple[CheckedPhoto | None, list[Finding]]:
        texts.found = []
        try:
            photo = measure(path, file, max_pixels)
        except InputError as error:
            return None, [Finding(UNREADABLE, faults(error, root)[0], (path,))]
        found = [Finding(SUSPICIOUS, f"{path}: {text}", (path,)) for text in dict.fromkeys(texts.found)]
        if photo.generator:
            found.append(Finding(GENERATED, f"{path}: it has {photo.generator}", (path,)))
        return photo, found

    with _warnings_to(note), ThreadPoolExecutor(os.cpu_count()) as threads:
        results = list(watch(threads.map(examined, paths, photo_files(root, paths)), "photos", len(paths)))
    return [photo for photo, _ in results if photo], [finding for _, findings in results for finding in findings]


@contextmanager
def _warnings_to(note: Callable[..., None]) -> Iterator[None]:
    """Hand every Python warning of this process to `note`, in the thread that warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield


def measure(path: str, file: PhotoFile, max_pixels: int = MAX_PIXELS) -> CheckedPhoto:
    """Decode and measure one photo; raises `InputError` for exactly those that `images.read` refuses."""
    try:
        data = file.read_bytes()
        image = Image.open(BytesIO(data), formats=tuple(FORMATS))
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        kind = SAME_FORMAT.get(str(image.format), str(image.format))
        mode, transparent, size = image.mode, image.has_transparency_data, image.size
    except (OSError, *DAMAGED):
        read(file, max_pixels)  # raises the error that the stages raise
        raise
    if kind == "JPEG" and orientation not in UPRIGHT:
        grey = load(data, str(file), max_pixels, draft=SIZE).convert("L")
    else:
        grey = Image.fromarray(decode(data, str(file), max_pixels)).convert("L")
    width, height = reversed(size) if orientation in SIDEWAYS else size
    content = hashlib.blake2b(data, digest_size=16).digest()
    file_properties = (path, content, kind, mode, orientation, transparent, width, height)
    small = grey.resize(SIZE, Image.Resampling.BOX)
    return CheckedPhoto(*file_properties, *_measurements(small), mark(data), tuple(_variants(small)))


def _measurements(small: Image.Image) -> tuple[float, float, bytes, bytes]:
    """Brightness, sharpness, perceptual hash and thumbnail of a grey image of `SIZE`."""
    pixels = np.asarray(small)
    sharpness = float(cv2.Laplacian(pixels, cv2.CV_16S).var())
    return float(pixels.mean()), sharpness, *_look(small)


def _variants(small: Image.Image) -> Iterator[Variant]:
    """Yield what copies of a grey image may look like: mirrored, or without its edges."""
    yield _look(ImageOps.mirror(small))
    width, height = small.size
    for share in CUTS:
        x, y = round(share * width), round(share * height)
        yield _look(small.crop((x, y, width - x, height - y)).resize(SIZE))


def _look(small: Image.Image) -> Variant:
    thumbnail = np.asarray(small.resize(THUMBNAIL, Image.Resampling.BOX))
    return Variant(perceptual_hash(small), thumbnail.tobytes())  # Pillow's own bytes are cut out of 64 KiB each
