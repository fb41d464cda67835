"""People who stand in the data set more than once: one of them under several ids or folders is one group."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults

COLUMNS: dict[str, tables.Kind] = {"person": "text", "same_as": "text"}
ID = re.compile(r"(?P<id>\d+)(?P<suffix>-\d+)?_", re.ASCII)
"""How the name of a person's folder begins; `001498-1` is `001498` photographed again."""

Pair = tuple[str, str]


def read(folder: Path, names: Sequence[str], people: Iterable[str]) -> list[Pair]:
    """The pairs of people in the named files of a folder: CSV with the columns `person` and `same_as`.

    Args:
        folder: The folder of the files.
        names: Names of files, with or without `.csv`.
        people: Everybody in the labels, as the column `person` names them.

    Raises:
        InputError: When a file is missing or malformed, or names somebody who is not in the labels.
    """
    known = set(people)
    pairs, faults = [], []
    for name in names:
        path = folder / f"{name.removesuffix('.csv')}.csv"
        if not path.is_file():
            there = ", ".join(sorted(file.stem for file in folder.glob("*.csv"))) or "none"
            raise InputError(f"split.same_people: no file {path}; there are: {there}")
        rows = tables.read(path, COLUMNS)[list(COLUMNS)].itertuples(index=False, name=None)
        for row, pair in enumerate(rows, start=2):
            pairs.append(pair)
            faults += [f"{path}, row {row}: {one!r} is not in the labels" for one in pair if one not in known]
    raise_faults("people who are not in the labels; remove the rows, or correct the names", faults)
    return pairs


def groups(people: Sequence[str], pairs: Iterable[Pair] = ()) -> dict[str, str]:
    """The group of each person, named by the first of its people in sorted order.

    People share a group when their ids are equal but for a suffix (`001498`, `001498-1`), or when a pair joins them,
    directly or through others.
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
