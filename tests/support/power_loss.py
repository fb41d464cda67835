"""A disk that loses its power: a file system of its own in an image, of which only what was synced survives."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mounts import mounted

MIB = 24
MOUNT = "-o", "loop,commit=3600"  # seconds; without it the journal is written every 5 s, synced or not


class Disk:
    """An ext4 file system in an image, mounted at a folder; the kernel holds back what is not synced."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self.folder = folder

    @contextmanager
    def after_a_power_loss(self) -> Iterator[Path]:
        """The folder as it is found when the power is lost now, mounted elsewhere; the disk itself goes on.

        The image holds what the file system has handed to its block device. The process that writes must be stopped.
        """
        image = self._image.with_name("lost.img")
        shutil.copyfile(self._image, image)
        with mounted(self._image.with_name("lost"), *MOUNT, image) as folder:
            yield folder


@contextmanager
def disk(place: Path) -> Iterator[Disk]:
    """A new disk in a folder."""
    image = place / "disk.img"
    with image.open("wb") as file:
        file.truncate(MIB << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs mkfs.ext4")
    with mounted(place / "disk", *MOUNT, image) as folder:
        yield Disk(image, folder)
