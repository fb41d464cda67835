"""What may be read as part of a data set: names that are no paths, and links that do not lead out of it."""

import os
import re
from pathlib import Path

LONGEST_NAME = 255  # bytes, of a file on Linux
CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")
"""The end of the path of a file in DVC's cache, to which `cache.type symlink` links."""


def is_name(name: str) -> bool:
    """Whether a cell can be the name of a file or folder, as opposed to a path."""
    return (
        len(name.encode()) <= LONGEST_NAME
        and name not in ("", ".", "..")
        and not any(character in name for character in "/\\\0")
    )


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path, its links followed, lies in a folder; one whose links go round in a circle may not."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def leads_out(root: Path, file: Path) -> bool:
    """Whether a file is a link out of a data set, other than one into DVC's cache."""
    return file.is_symlink() and not is_inside(root, file) and not CACHED.search(os.path.realpath(file))
