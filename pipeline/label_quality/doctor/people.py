"""Checks of the ids, folder names and ages (see `ages`) in train.csv."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.dataset.layout import PEOPLE
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.label_quality.doctor import ages
from pipeline.label_quality.doctor.findings import WARNING, Check, Finding
from pipeline.schema.schema import is_years

IDS = Check(
    "ids",
    WARNING,
    "An id that two people share, that is no number, or that is far larger than all others.",
    "Compare the id with the source of the table. Folds are safe: folders that begin with one id share a fold.",
)
NAMES = Check(
    "folder names",
    WARNING,
    "The name of a person's folder contradicts the row. The stages use the row.",
    "Correct the row if the folder's name is right; leave it as it is otherwise.",
)
AGES = Check(
    "ages",
    WARNING,
    "Ages that suggest a shifted column, or a list entered under wrong ids.",
    "Compare the photos with the ages (--html). Correct wrong ages by a file in fixes/.",
)
FAR = 10
"""Times the largest usual id from which on an id is far from the others: it has a digit too many or a wrong one."""


@dataclass(frozen=True)
class LabelledPerson:
    """A row of train.csv with a valid age."""

    id: str
    gender: str
    age: int
    path: str

    @property
    def number(self) -> int | None:
        """The number in an id such as `001498` or `001498-1`."""
        match = re.fullmatch(r"(\d{1,18})(-\d+)?", self.id, re.ASCII)
        return int(match[1]) if match else None


Suspicions = Iterator[tuple[Check, str, Sequence[LabelledPerson]]]


def find(root: Path, paths: Sequence[str]) -> Iterator[Finding]:
    """Findings on train.csv, each with its people's photos without a mask, as far as they are among `paths`.

    A table that cannot be read gives no findings here: it is one of `layout`.
    """
    rows = _rows(root)
    faces = {file.parent.name: path for path in paths if (file := PurePosixPath(path)).stem == "normal"}
    for check, text, shown in chain(_ids(rows), _names(rows), _ages(rows)):
        yield Finding(check, text, tuple(faces[person.path] for person in shown if person.path in faces))


def _rows(root: Path) -> list[LabelledPerson]:
    try:
        table = tables.read(root / "train" / "train.csv", PEOPLE)
    except InputError:
        return []
    cells = table[["id", "gender", "age", "path"]].itertuples(index=False, name=None)
    return [LabelledPerson(id_, gender, int(age), path) for id_, gender, age, path in cells if is_years(age)]


def _ids(rows: Sequence[LabelledPerson]) -> Suspicions:
    same: dict[str, list[LabelledPerson]] = defaultdict(list)
    for person in rows:
        same[person.id].append(person)
        if person.number is None:
            yield IDS, f"id {person.id!r} of {person.path} is not a number", [person]
    for id_, group in same.items():
        if len(group) > 1:
            yield IDS, f"id {id_} belongs to {len(group)} people: {', '.join(person.path for person in group)}", group
    yield from _far_ids(_by_number(rows))


def _far_ids(ordered: Sequence[LabelledPerson]) -> Suspicions:
    """Ids that are more than `FAR` times as large as those of 99 % of the people.

    Gaps are not suspicious: a part of a data set has them.
    """
    if not ordered:
        return
    usual = np.quantile([person.number or 0 for person in ordered], 1 - ages.RARE)
    ceiling = FAR * max(usual, len(ordered))
    for person in ordered:
        if (person.number or 0) > ceiling:
            yield IDS, f"id {person.id} of {person.path} is far from the others: 99 % are up to {usual:.0f}", [person]


def _names(rows: Sequence[LabelledPerson]) -> Suspicions:
    for person in rows:
        match person.path.split("_"):
            case [id_, gender, _, age] if (id_, gender, age) != (person.id, person.gender, str(person.age)):
                row = f"{person.id}, {person.gender}, {person.age}"
                yield NAMES, f"{person.path}: the row has {row}", [person]


def _ages(rows: Sequence[LabelledPerson]) -> Suspicions:
    ordered = _by_number(rows)
    years = np.array([person.age for person in ordered], dtype=float)
    for start, end in ages.runs(years):
        yield AGES, f"{_span(ordered[start:end])}: all are {years[start]:.0f}", ordered[start:end]
    for start, end in ages.islands(years):
        width = end - start
        before, inside, after = (years[at : at + width].mean() for at in (start - width, start, end))
        text = f"mean age {inside:.0f}, but {before:.0f} in as many before and {after:.0f} after"
        yield AGES, f"{_span(ordered[start:end])}: {text}", ordered[start:end]
    for row in ages.lonely(years):
        person = ordered[row]
        yield AGES, f"{person.path}: age {person.age}, and hardly anyone is within {ages.FAR} years", [person]


def _by_number(rows: Sequence[LabelledPerson]) -> list[LabelledPerson]:
    numbered = [(person.number, person.id, person.path, person) for person in rows if person.number is not None]
    return [person for *_, person in sorted(numbered, key=lambda row: row[:3])]


def _span(group: Sequence[LabelledPerson]) -> str:
    return f"ids {group[0].id} to {group[-1].id} ({len(group)} people)"
