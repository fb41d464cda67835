"""Checks that tables and folders match, and the list of photo files."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.dataset import photo_shards
from pipeline.dataset.inside import is_inside, leads_out
from pipeline.dataset.layout import EVAL, TRAIN, eval_photos, is_ignored, train_photos
from pipeline.formats.images import EXTENSIONS
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor.findings import ERROR, WARNING, Check, Finding

LAYOUT = Check(
    "layout",
    ERROR,
    "Tables and folders do not match. The stages refuse the data set.",
    "Correct the row, or the file or folder that the finding names.",
)
UNLISTED = Check(
    "not in info.csv",
    WARNING,
    "Files in eval/images without a row in info.csv. They get no prediction.",
    "Add a row to info.csv for a photo that needs a prediction. Other files do no harm.",
)


def find(root: Path, paths: Sequence[str]) -> Iterator[Finding]:
    """Every fault that stops a stage, and the eval photos of `paths` that have no row in info.csv."""
    try:
        train_photos(root)
    except InputError as error:
        yield from (Finding(LAYOUT, fault) for fault in faults(error, root))
    try:
        listed = {(EVAL / name).as_posix() for name in eval_photos(root)}
    except InputError as error:
        yield from (Finding(LAYOUT, fault) for fault in faults(error, root))
    else:
        yield from (Finding(UNLISTED, path, (path,)) for path in paths if _is_eval(path) and path not in listed)


def files(root: Path) -> list[str]:
    """Sorted paths, relative to `root`, of all photo files, with or without a row in a table.

    Ignored files, and those that a link leads out of the data set to, are skipped.
    """
    found = [path.relative_to(root) for folder in (TRAIN, EVAL) for path in _photos(root / folder, folder == TRAIN)]
    inside = {folder: is_inside(root, root / folder) for folder in {path.parent for path in found}}
    read = (path for path in found if inside[path.parent] and not leads_out(root, root / path))
    return sorted(path.as_posix() for path in read if not any(map(is_ignored, path.parts)))


def _photos(folder: Path, of_people: bool) -> Iterator[Path]:
    if photo_shards.is_sharded(folder):
        with suppress(InputError):  # a finding of `find`
            yield from (folder / name for name in photo_shards.paths(folder))
    elif of_people:
        yield from (path for path in folder.glob("*/*") if path.suffix.lower() in EXTENSIONS)
    else:
        yield from filter(Path.is_file, folder.glob("*"))


def faults(error: InputError, root: Path) -> list[str]:
    """The faults that an error lists, or its one message; paths are relative to `root`."""
    message, *listed = (line.strip().removeprefix(f"{root}/") for line in str(error).splitlines())
    file, _, summary = message.partition(": ")
    if Path(file).suffix in (".csv", ".parquet"):  # faults of one table name their rows alone
        summary = re.sub(r" \(\d+\):$", "", summary)
        listed = [f"{file}, {fault}; {summary}" for fault in listed]
    return listed or [message]


def _is_eval(path: str) -> bool:
    return path.startswith(f"{EVAL.as_posix()}/")
