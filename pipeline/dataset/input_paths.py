"""The photos that a command line names: files, folders, and tables such as info.csv."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.formats import tables
from pipeline.formats.images import EXTENSIONS
from pipeline.foundation.errors import InputError, raise_faults


def listed(given: Iterable[Path]) -> list[Path]:
    """All photos that are named, in their order; a folder stands for all below it, sorted by path.

    A table has them in `ImageID`, as names in the folder `images` beside it.
    Raises `InputError` that names everything that does not exist, and a folder without photos.
    """
    places = list(given)
    raise_faults("no such file or folder", [str(place) for place in places if not place.exists()])
    return [path for place in places for path in _of(place)]


def _of(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from _below(place)
    elif place.suffix.lower() == ".csv":
        yield from (place.parent / "images" / name for name in tables.read(place, {"ImageID": "text"})["ImageID"])
    else:
        yield place


def _below(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if _is_photo(path, folder))
    if not found:
        raise InputError(f"{folder}: no photos ({', '.join(EXTENSIONS)}) in this folder or below it")
    return found


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in EXTENSIONS and path.is_file() and not hidden
