"""Disks that are full and files that may not grow: a small disk of its own, or a limit of this process."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mounts import mounted


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: writing more fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A disk of `kib` KiB, mounted at a new folder; skips the test where this process may mount nothing."""
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs"):
        yield folder


def resize(disk: Path, kib: int) -> None:
    """Give a small disk another size, which must hold what is on it."""
    subprocess.run(["mount", "-o", f"remount,size={kib}k", str(disk)], check=True)
