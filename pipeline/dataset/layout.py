"""The data set on disk: its train and eval photos, checked as a whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset import photo_shards
from pipeline.dataset.inside import is_inside, is_name, leads_out
from pipeline.formats import tables
from pipeline.formats.images import EXTENSIONS, PhotoFile
from pipeline.formats.names import matched, near_name, normal
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.schema import GENDER, OLDEST, is_years

MASK_OF_STEM = {
    **{f"mask{number}": "worn" for number in range(1, 6)},
    "incorrect_mask": "incorrect",
    "normal": "normal",
}
"""The value of `mask` of each of a person's seven photos, by the stem of the file name."""

TRAIN = Path("train", "images")
EVAL = Path("eval", "images")
SYSTEM_FILES = (
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),  # Windows
    *("icon\r", "__macosx"),  # macOS
    *("@eadir", "#recycle"),  # Synology
)
"""Files and folders that operating systems put beside photos, in lower case."""
PEOPLE: dict[str, tables.Kind] = dict.fromkeys(("id", "gender", "race", "age", "path"), "text")
LINK = "a link out of the data set; refused"
INFO: dict[str, tables.Kind] = {"ImageID": "text", "ans": "text"}


def train_photos(root: Path) -> pd.DataFrame:
    """Read train.csv and list the photos in the folders of train/images.

    Labels come from train.csv; the name of a person's folder is only a key. A folder whose name differs from the table
    in its Unicode form alone is the one that is meant; the result has its name as it is on the disk.

    Args:
        root: Folder of the data set.

    Returns:
        One row per photo, sorted by path, with the columns path, id, person, mask, gender and age (years). Paths are
        `<person>/<stem>.<extension>`, relative to train/images.

    Raises:
        InputError: Lists every fault of train.csv and of the folders.
    """
    people = _table(root, Path("train", "train.csv"), PEOPLE)
    images = _folder(root / TRAIN)
    if photo_shards.is_sharded(images):
        return _archived_photos(root, people)
    folders = _visible(images)
    people["path"] = as_on_disk(people["path"], folders)
    faults = _wrong_rows(people, images, folders)
    listed = set(people["path"])
    found: dict[str, dict[str, str]] = {}
    for name in folders:
        if name not in listed:
            faults.append(f"{_quoted(TRAIN, name)}: no row in train.csv{near_name(name, listed)}")
        elif _is_folder(images, name):
            found[name], wrong = _photos_of_person(root, images / name)
            faults += wrong
    raise_faults(f"{root}: train.csv and train/images do not fit together", faults)
    rows = [
        (f"{person}/{name}", identity, person, MASK_OF_STEM[stem], gender, int(age))
        for identity, gender, _, age, person in people[list(PEOPLE)].itertuples(index=False, name=None)
        for stem, name in found[person].items()
    ]
    photos = pd.DataFrame(rows, columns=["path", "id", "person", "mask", "gender", "age"])
    return photos.sort_values("path", ignore_index=True)


def _archived_photos(root: Path, people: pd.DataFrame) -> pd.DataFrame:
    """The photos of `train_photos` from the index of archives, whose data set was checked when they were written."""
    paths = photo_shards.paths(root / TRAIN).sort_values(ignore_index=True)
    folders, stems = photo_shards.parts(paths)
    people["path"] = as_on_disk(people["path"], folders.drop_duplicates())
    faults = repeated("train.csv", people["path"]) + _wrong_labels(people)
    person, mask = _positions(folders, people["path"]), _positions(stems, pd.Series([*MASK_OF_STEM]))
    strange = paths[(person < 0) | (mask < 0)]
    absent = people["path"][~np.isin(np.arange(len(people)), person)]
    index = photo_shards.INDEX
    faults += [f"{index}: {path!r} has no row in train.csv, or is none of the seven photos" for path in strange]
    rows = (absent.index + 2).tolist()
    faults += [
        f"train.csv, row {row}: no photos of {path!r} in {index}" for row, path in zip(rows, absent, strict=True)
    ]
    raise_faults(f"{root}: train.csv and the archives of {TRAIN.as_posix()} do not fit together", faults)
    return pd.DataFrame(
        {
            "path": paths,
            "id": people["id"].array.take(person),
            "person": folders,
            "mask": pd.array([*MASK_OF_STEM.values()], dtype="str").take(mask),
            "gender": people["gender"].array.take(person),
            "age": people["age"].to_numpy(np.int64)[person],
        }
    )


def _positions(names: "pd.Series[str]", among: "pd.Series[str]") -> npt.NDArray[np.intp]:
    """The position (n,) of every name among others, -1 for one that is not; names that repeat are looked up once."""
    codes, distinct = pd.factorize(names)
    return np.asarray(pd.Index(among).get_indexer(pd.Index(distinct))[codes])


def eval_photos(root: Path) -> list[str]:
    """Return the names of the eval photos, relative to eval/images, in the order of info.csv.

    They are the names on the disk, which may differ from info.csv in their Unicode form.

    Raises:
        InputError: Lists every fault of info.csv.
    """
    listed = _table(root, Path("eval", "info.csv"), INFO)["ImageID"]
    images = _folder(root / EVAL)
    archived = photo_shards.is_sharded(images)
    files = list(photo_shards.paths(images)) if archived else _visible(images)
    there = set(files)
    names = as_on_disk(listed, files)
    faults = repeated("info.csv", names)
    for row, name in zip(names.index + 2, names, strict=True):
        place = f"info.csv, row {row}"
        if not is_name(name):
            faults.append(f"{place}: ImageID {name!r} is not the name of a file in {EVAL.as_posix()}")
        elif not (name in there if archived else (images / name).is_file()):
            faults.append(f"{place}: {_quoted(EVAL, name)} does not exist{near_name(name, files)}")
        elif not archived and leads_out(root, images / name):
            faults.append(f"{place}: {_quoted(EVAL, name)}: {LINK}")
    raise_faults(f"{root}: info.csv and eval/images do not fit together", faults)
    return list(names)


def photo_files(root: Path, photos: Sequence[str]) -> list[PhotoFile]:
    """The files of photos, each given by its path below the data set's folder, such as `eval/images/1.jpg`.

    Raises:
        InputError: When the index of archives is malformed, or lacks a photo.
    """
    found: dict[str, PhotoFile] = {}
    for folder in filter(lambda folder: photo_shards.is_sharded(root / folder), (TRAIN, EVAL)):
        start = f"{folder.as_posix()}/"
        own = [photo.removeprefix(start) for photo in photos if photo.startswith(start)]
        found |= {
            f"{start}{name}": file for name, file in zip(own, photo_shards.files(root / folder, own), strict=True)
        }
    return [found.get(photo, root / photo) for photo in photos]


def _table(root: Path, name: Path, columns: dict[str, tables.Kind]) -> pd.DataFrame:
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; data.root names the folder that holds train/ and eval/")
    table = tables.read(root / name, columns)
    extra = [column for column in table.columns if column not in columns]
    if extra:
        raise InputError(
            f"{root / name}: column {tables.join(extra)} is unknown; the columns are {', '.join(columns)}"
            f"{tables.nameless(extra)}"
        )
    if table.empty:
        raise InputError(f"{root / name}: no rows")
    return table


def _folder(images: Path) -> Path:
    if not images.is_dir():
        raise InputError(f"{images}: no such folder")
    return images


def _wrong_labels(people: pd.DataFrame) -> list[str]:
    faults = []
    for index, gender, age in people[["gender", "age"]].itertuples(name=None):
        place = f"train.csv, row {index + 2}"
        if gender not in GENDER.values:
            faults.append(f"{place}: gender {gender!r} is neither {' nor '.join(GENDER.values)}")
        if not is_years(age):
            faults.append(f"{place}: age {age!r} is not a number of years (1 to {OLDEST})")
    return faults


def _wrong_rows(people: pd.DataFrame, images: Path, folders: Sequence[str]) -> list[str]:
    faults = repeated("train.csv", people["path"]) + _wrong_labels(people)
    for row, person in zip((people.index + 2).tolist(), people["path"], strict=True):
        place = f"train.csv, row {row}"
        if not _is_inside(images, person):
            faults.append(f"{place}: path {person!r} is not inside {TRAIN.as_posix()}; refused")
        elif not _is_folder(images, person):
            faults.append(f"{place}: no folder {_quoted(TRAIN, person)}{near_name(person, folders)}")
    return faults


def repeated(file: str, cells: "pd.Series[str]") -> list[str]:
    """Return a fault for every cell that repeats an earlier row; `file` is the name of the table."""
    if not cells.duplicated().any():
        return []
    rows = list(zip(cells.index + 2, cells, strict=True))
    first = {cell: row for row, cell in reversed(rows)}
    return [
        f"{file}, row {row}: {cells.name} {cell!r} is already in row {first[cell]}"
        for row, cell in rows
        if first[cell] != row
    ]


def as_on_disk(listed: "pd.Series[str]", names: "Sequence[str] | pd.Series[str]") -> "pd.Series[str]":
    """Return cells of a table as the names of files: equal, or equal in normal form C where that is unambiguous."""
    there = pd.Series(names, dtype="str")
    known = listed.isin(there)
    if known.all():
        return listed
    meant = matched(set(there))
    return listed.where(known, listed.map(lambda name: meant.get(normal(name), name)))


def _photos_of_person(root: Path, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return the file name of each stem, and a fault for every missing, duplicate or unknown file."""
    place = _quoted(TRAIN, folder.name)
    files: dict[str, list[str]] = {stem: [] for stem in MASK_OF_STEM}
    faults = []
    for file in map(Path, _visible(folder)):
        if leads_out(root, folder / file):
            faults.append(f"{_quoted(TRAIN / folder.name, file)}: {LINK}")
        elif file.stem in files and file.suffix.lower() in EXTENSIONS:
            files[file.stem].append(file.name)
        else:
            faults.append(f"{_quoted(TRAIN / folder.name, file)}: none of the seven photos{_meant(file)}")
    faults += [f"{place}: {stem} exists as {' and '.join(names)}" for stem, names in files.items() if len(names) > 1]
    missing = [stem for stem, names in files.items() if not names]
    if missing:
        faults.append(f"{place}: {', '.join(missing)} missing")
    return {stem: names[0] for stem, names in files.items() if names}, faults


def _meant(file: Path) -> str:
    """Return which photo a wrong name looks like, or which extensions there are."""
    expected = [f"{stem}{extension}" for stem in MASK_OF_STEM for extension in EXTENSIONS]
    return near_name(file.name, expected).replace("is there", "is meant") or f" ({', '.join(EXTENSIONS)})"


def _quoted(folder: Path, name: str | Path) -> str:
    """Return the path of a file as messages show it: in quotation marks where its name needs them to be read."""
    path = (folder / name).as_posix()
    return path if path.isascii() and path.isprintable() and " " not in path else repr(path)


def _visible(folder: Path) -> list[str]:
    """Return the sorted names in a folder, without those that `is_ignored`."""
    return sorted(file.name for file in folder.iterdir() if not is_ignored(file.name))


def is_ignored(name: str) -> bool:
    """Whether a file or folder is hidden (`._mask1.jpg`, `.DS_Store`) or belongs to an operating system."""
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def _is_inside(images: Path, person: str) -> bool:
    return is_name(person) and is_inside(images, images / person)


def _is_folder(images: Path, person: str) -> bool:
    return _is_inside(images, person) and not person.startswith(".") and (images / person).is_dir()
