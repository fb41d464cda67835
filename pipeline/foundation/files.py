"""Files written whole or not at all: a kill, a power loss or a full disk leaves the old file or the new one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an `OSError` that names no file, as that of a full disk does not, name `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


@contextmanager
def replacing(path: Path, synced: bool = True) -> Iterator[Path]:
    """A path beside `path` to write to; what is there takes the place of `path` when the body has ended well.

    Without `synced`, a power loss may take it until `sync` has been called for its folder.

    Raises `OSError` that names `path` where the disk is full or the file grows too large.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with naming(path):
            yield partial
            if synced:
                _sync(partial)
            partial.replace(path)
            if synced:
                _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, synced: bool = True) -> None:
    """Replace a file by these bytes; `synced` as for `replacing`."""
    with replacing(path, synced) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in UTF-8, its line ends as they are."""
    write_bytes(path, text.encode())


def sync(folder: Path) -> None:
    """Have all files of a folder reach the disk, which is some times faster than one by one; links are not followed."""
    for parent, _, names in os.walk(folder):
        files = (path for path in (Path(parent, name) for name in names) if not path.is_symlink())
        for path in (*files, Path(parent)):
            with naming(path):
                _sync(path)


def link(source: str | Path, target: str | Path) -> None:
    """A second name of a file, or a copy on another file system; stages replace files and never write into them."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    """Have a file, or the names in a folder, reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
