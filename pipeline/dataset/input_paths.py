"""The photos that a command line names: files, folders, and tables such as info.csv."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.dataset.layout import is_ignored, is_name, repeated
from pipeline.formats import tables
from pipeline.formats.images import FORMATS
from pipeline.foundation.errors import InputError, raise_faults

SHOWN = 10
"""Skipped files that are named one by one."""


class Listed(NamedTuple):
    """Photos in their order, and the other files of the folders."""

    photos: list[Path]
    skipped: list[Path]


def listed(given: Iterable[Path]) -> Listed:
    """List the photos of files, folders and tables.

    Args:
        given: Files are photos whatever their names. A folder stands for all photos below it, sorted by path. A table
            (*.csv) names photos of the folder `images` beside it, in its column `ImageID`, under the rules of info.csv.

    Raises:
        InputError: Names everything that does not exist, a folder without photos, a table without rows, and every name
            in a table that is repeated or leads out of its folder.
    """
    places = list(given)
    raise_faults("no such file or folder", [str(place) for place in places if not place.exists()])
    parts = [_of(place) for place in places]
    return Listed([path for photos, _ in parts for path in photos], [path for _, other in parts for path in other])


def skipped_message(skipped: list[Path]) -> str:
    """One line on the files that are no photos: how many, and the names of the first."""
    names = ", ".join(map(str, skipped[:SHOWN]))
    more = f" and {len(skipped) - SHOWN:,} more" if len(skipped) > SHOWN else ""
    number = "1 file" if len(skipped) == 1 else f"{len(skipped):,} files"
    return f"{number} skipped (not a photo by extension): {names}{more}"


def _of(place: Path) -> Listed:
    if place.is_dir():
        return _below(place)
    if place.suffix.lower() == ".csv":
        return Listed(_named_by(place), [])
    return Listed([place], [])


def _below(folder: Path) -> Listed:
    extensions = {extension for extensions in FORMATS.values() for extension in extensions}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if not any(map(is_ignored, path.relative_to(folder).parts))]
    photos = [path for path in files if path.suffix.lower() in extensions]
    if not photos:
        raise InputError(f"{folder}: no photos ({', '.join(sorted(extensions))}) in this folder or below it")
    return Listed(photos, [path for path in files if path.suffix.lower() not in extensions])


def _named_by(table: Path) -> list[Path]:
    names = tables.read(table, {"ImageID": "text"})["ImageID"]
    if names.empty:
        raise InputError(f"{table}: no rows; it needs one per photo")
    images = table.parent / "images"
    faults = repeated(table.name, names)
    faults += [
        f"{table.name}, row {row}: ImageID {name!r} is not the name of a file in {images}; refused"
        for row, name in enumerate(names, start=2)
        if not is_name(name)
    ]
    raise_faults(f"{table}: wrong names of photos", faults)
    return [images / name for name in names]
