"""The photos of a command line: files, folders, and tables such as info.csv."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.dataset import photo_shards
from pipeline.dataset.inside import is_name
from pipeline.dataset.layout import as_on_disk, is_ignored, repeated
from pipeline.dataset.photo_shards import ArchivedPhoto
from pipeline.formats import tables
from pipeline.formats.images import CONVERT, FORMATS, HEIF, PhotoFile
from pipeline.foundation.errors import InputError, raise_faults

SHOWN = 10
"""Number of skipped files that a message lists by name."""


class InputPaths(NamedTuple):
    """Photos in order, and the skipped files of the folders."""

    photos: list[PhotoFile]
    skipped: list[Path]


def find_photos(paths: Iterable[Path]) -> InputPaths:
    """Find the photos of files, folders and tables.

    Args:
        paths: A file is a photo, whatever its name. A folder stands for all photos below it, sorted by path, also of
            those in archives of `photo_shards`. A table (*.csv) lists photos of the folder `images` beside it in its
            column `ImageID`, as info.csv does.

    Returns:
        The photos in the order of `paths`, and the files of the folders that are not photos by extension.

    Raises:
        InputError: When a path does not exist, a folder has no photos, a table has no rows, or a table repeats a name
            or names a file outside its folder.
    """
    places = list(paths)
    raise_faults("no such file or folder", [str(place) for place in places if not place.exists()])
    parts = [_find(place) for place in places]
    return InputPaths([path for photos, _ in parts for path in photos], [path for _, other in parts for path in other])


def place(photo: PhotoFile) -> Path:
    """The path of a photo; of one in an archive, where it would be without."""
    return photo.path if isinstance(photo, ArchivedPhoto) else Path(str(photo))


def skipped_message(skipped: list[Path]) -> str:
    """Return one line with the number of skipped files and the names of the first `SHOWN`."""
    names = ", ".join(map(str, skipped[:SHOWN]))
    more = f" and {len(skipped) - SHOWN:,} more" if len(skipped) > SHOWN else ""
    number = "1 file" if len(skipped) == 1 else f"{len(skipped):,} files"
    return f"{number} skipped (not a photo by extension): {names}{more}{_heic_remedy(skipped)}"


def _find(place: Path) -> InputPaths:
    if place.is_dir():
        return _find_below(place)
    if place.suffix.lower() == ".csv":
        return InputPaths(_read_table(place), [])
    return InputPaths([place], [])


def _find_below(folder: Path) -> InputPaths:
    extensions = {extension for extensions in FORMATS.values() for extension in extensions}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if not any(map(is_ignored, path.relative_to(folder).parts))]
    photos = sorted([*(path for path in files if path.suffix.lower() in extensions), *_archived(files)], key=place)
    if not photos:
        kinds = ", ".join(sorted(extensions))
        raise InputError(f"{folder}: no photos ({kinds}) in this folder or below it{_heic_remedy(files)}")
    archives = {photo.archive for photo in photos if isinstance(photo, ArchivedPhoto)}
    read = archives | {archive.with_name(photo_shards.INDEX) for archive in archives}
    return InputPaths(photos, [path for path in files if path.suffix.lower() not in extensions and path not in read])


def _archived(files: Iterable[Path]) -> list[PhotoFile]:
    folders = [file.parent for file in files if file.name == photo_shards.INDEX]
    return [photo for folder in folders for photo in photo_shards.files(folder, list(photo_shards.paths(folder)))]


def _heic_remedy(skipped: Iterable[Path]) -> str:
    """Return what to do about the HEIC photos among skipped files, if there are any."""
    photo = next((path for path in skipped if path.suffix.lower() in HEIF), None)
    return f"; {photo.name} is a HEIC photo: {CONVERT}" if photo else ""


def _read_table(table: Path) -> list[PhotoFile]:
    names = tables.read(table, {"ImageID": "text"})["ImageID"]
    if names.empty:
        raise InputError(f"{table}: no rows; it needs one per photo")
    images = table.parent / "images"
    faults = repeated(table.name, names)
    faults += [
        f"{table.name}, row {row}: ImageID {name!r} is not the name of a file in {images}; refused"
        for row, name in zip(names.index + 2, names, strict=True)
        if not is_name(name)
    ]
    raise_faults(f"{table}: wrong names of photos", faults)
    if photo_shards.is_sharded(images):
        return photo_shards.files(images, list(as_on_disk(names, photo_shards.paths(images))))
    there = [file.name for file in images.iterdir()] if images.is_dir() else []
    return [images / name for name in as_on_disk(names, there)]
