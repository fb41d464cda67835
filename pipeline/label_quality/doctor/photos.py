"""What there is to know of every photo, from one decoding of a reduced, grey version."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

import cv2
import imagehash
import numpy as np
from PIL import ExifTags, Image

from pipeline.dataset.layout import TRAIN
from pipeline.formats.images import UPRIGHT, decode, read
from pipeline.foundation.errors import InputError
from pipeline.foundation.progress import watch
from pipeline.label_quality.doctor.findings import MUST, Check, Finding
from pipeline.label_quality.doctor.layout import faults

UNREADABLE = Check("unreadable", MUST, "These files cannot be decoded: fetch them anew, or remove them.")
SIZE = (192, 256)
"""Width and height to which every photo is reduced: half of the competition's."""
SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap width and height."""
THUMBNAIL = (32, 32)
HASH_SIDE = 16
HASH_BITS = HASH_SIDE**2


@dataclass(frozen=True)
class Picture:
    """A readable photo: what its file says, and what its reduced grey version shows."""

    path: str
    """Relative to the data set's folder."""
    content: bytes
    """Digest of the file's bytes."""
    kind: str
    """JPEG or PNG, by content."""
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
    """256 bits that change little when the photo is saved anew."""
    thumbnail: bytes
    """32 x 32 grey values."""

    @property
    def owner(self) -> str:
        """The person's folder for a train photo; an eval photo, whose person is unknown, is its own."""
        path = PurePosixPath(self.path)
        return path.parent.name if path.is_relative_to(TRAIN.as_posix()) else self.path

    @property
    def is_train(self) -> bool:
        """Whether the photo lies in train/images."""
        return self.owner != self.path


def examine(root: Path, paths: list[str]) -> tuple[list[Picture], list[Finding]]:
    """The readable ones of the photos `paths` (relative to `root`), and a finding for each of the others."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda path: _picture_or_finding(root, path), paths)
        seen = list(watch(results, "photos", len(paths)))
    photos = [one for one in seen if isinstance(one, Picture)]
    return photos, [one for one in seen if isinstance(one, Finding)]


def _picture_or_finding(root: Path, path: str) -> Picture | Finding:
    try:
        return measure(root, path)
    except InputError as error:
        return Finding(UNREADABLE, faults(error, root)[0], (path,))


def measure(root: Path, path: str) -> Picture:
    """Decode and measure one photo; raises `InputError` for exactly those that `photos.read` refuses."""
    file = root / path
    try:
        data = file.read_bytes()
        image = Image.open(BytesIO(data), formats=("JPEG", "PNG"))
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        kind, mode, transparent, size = str(image.format), image.mode, image.has_transparency_data, image.size
        if kind == "JPEG" and orientation not in UPRIGHT:
            image.draft("L", SIZE)
            grey = image.convert("L")
        else:
            grey = Image.fromarray(decode(data, str(file))).convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        read(file)  # says what is wrong, in the words of the stages
        raise
    width, height = reversed(size) if orientation in SIDEWAYS else size
    content = hashlib.blake2b(data, digest_size=16).digest()
    return Picture(path, content, kind, mode, orientation, transparent, width, height, *_seen(grey))


def _seen(grey: Image.Image) -> tuple[float, float, bytes, bytes]:
    """Brightness, sharpness, perceptual hash and thumbnail of a grey photo."""
    small = grey.resize(SIZE, Image.Resampling.BOX)
    pixels = np.asarray(small)
    sharpness = float(cv2.Laplacian(pixels, cv2.CV_16S).var())
    bits = imagehash.phash(small, HASH_SIDE).hash
    thumbnail = small.resize(THUMBNAIL, Image.Resampling.BOX)
    return float(pixels.mean()), sharpness, np.packbits(bits).tobytes(), thumbnail.tobytes()
