"""People with several ids or folders in the data set; all folders of one person form a group."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.formats import tables
from pipeline.formats.names import matched, near_name, normal
from pipeline.foundation.errors import InputError, raise_faults

COLUMNS: dict[str, tables.Kind] = {"person": "text", "same_as": "text"}
ID = re.compile(r"(?P<id>\d+)(?P<suffix>-\d+)?_", re.ASCII)
"""The start of the name of a person's folder; `001498-1` is another session of `001498`."""

Pair = tuple[str, str]


def read(folder: Path, names: Sequence[str], people: Iterable[str]) -> list[Pair]:
    """Read pairs of folders of the same person from CSV files with the columns `person` and `same_as`.

    Args:
        folder: The folder of the files.
        names: Names of files, with or without `.csv`.
        people: The column `person` of the labels.

    Raises:
        InputError: When a file is missing or malformed, or lists a person that is not in the labels.
    """
    known = set(people)
    meant = matched(known)
    pairs, faults = [], []
    for name in names:
        path = folder / f"{name.removesuffix('.csv')}.csv"
        if not path.is_file():
            there = ", ".join(sorted(file.stem for file in folder.glob("*.csv"))) or "none"
            raise InputError(f"split.same_people: no file {path}; there are: {there}")
        for index, *pair in tables.read(path, COLUMNS)[list(COLUMNS)].itertuples(name=None):
            one, other = (meant.get(normal(name), name) for name in pair)
            pairs.append((one, other))
            faults += [
                f"{path}, row {index + 2}: {name!r} is not in the labels{near_name(name, known)}"
                for name in (one, other)
                if name not in known
            ]
    raise_faults("people that are not in the labels; remove the rows or correct the names", faults)
    return pairs


def groups(people: Sequence[str], pairs: Iterable[Pair] = ()) -> dict[str, str]:
    """Return the group of each person; its name is the first of its people in sorted order.

    People share a group when their ids differ only by a suffix (`001498`, `001498-1`), or when pairs connect them,
    directly or through other people.
    """
    group = {person: person for person in sorted(people)}

    def first(person: str) -> str:
        while group[person] != person:
            person = group[person]
        return person

    for one, other in [*_same_ids(group), *pairs]:
        low, high = sorted((first(one), first(other)))
        group[high] = low
    return {person: first(person) for person in group}


def _same_ids(people: Iterable[str]) -> Iterable[Pair]:
    seen: dict[str, str] = {}
    for person in people:
        if match := ID.match(person):
            yield seen.setdefault(match["id"], person), person
