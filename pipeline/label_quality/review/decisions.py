"""The decisions of a review: a file with one row per decision, and the corrections that follow from it."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.dataset import corrections
from pipeline.dataset.corrections import Fix
from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults

ACCEPT, REJECT, UNSURE = VERDICTS = ("accept", "reject", "unsure")


class Decision(NamedTuple):
    """The decision on one field of one person.

    Attributes:
        id: The person's path.
        field: gender, age or mask.
        was: The label.
        value: The suggested or edited value.
        verdict: accept, reject or unsure.
        reviewer: Name of the reviewer.
        time: UTC in ISO 8601; decisions of one step have the same time.
    """

    id: str
    field: str
    was: str
    value: str
    verdict: str
    reviewer: str
    time: str

    @property
    def target(self) -> corrections.Target:
        """The person and the field."""
        return self.id, self.field


COLUMNS: dict[str, tables.Kind] = dict.fromkeys(Decision._fields, "text")
FIXES = [*corrections.COLUMNS, "reviewer", "time"]


def read(path: Path, people: Collection[str] | None = None) -> list[Decision]:
    """Read a file of decisions, in its order.

    Raises `InputError` that names every malformed or repeated row, and every row about a person not in `people`.
    """
    rows = tables.read(path, COLUMNS)[list(COLUMNS)]
    decisions = [Decision(*row) for row in rows.itertuples(index=False, name=None)]
    first: dict[corrections.Target, int] = {}
    faults = []
    for row, decision in zip(rows.index + 2, decisions, strict=True):
        fault = _fault(path, row, decision, people)
        if decision.target in first:
            fault = f"{decision.field} of {decision.id} is already decided in row {first[decision.target]}"
        faults += [f"row {row}: {fault}"] if fault else []
        first.setdefault(decision.target, row)
    raise_faults(f"{path}: malformed decisions; correct or remove these rows (the file is unchanged)", faults)
    return decisions


def write(path: Path, decisions: Iterable[Decision]) -> None:
    """Write a file of decisions."""
    tables.write(pd.DataFrame(decisions, columns=list(Decision._fields)), path)


def write_fixes(path: Path, decisions: Iterable[Decision]) -> None:
    """Write the accepted decisions as corrections, with two more columns: reviewer and time."""
    accepted = [decision._asdict() | {"source": "review"} for decision in decisions if decision.verdict == ACCEPT]
    tables.write(pd.DataFrame(accepted, columns=FIXES), path)


def check_fixes(path: Path, reviewers: Collection[str]) -> None:
    """Raise `InputError` unless a corrections file may be overwritten: it is new, or by these reviewers only."""
    if not path.exists():
        return
    rows = tables.read(path, corrections.COLUMNS)
    others = sorted(set(rows["reviewer"]) - set(reviewers)) if "reviewer" in rows else ["no review"]
    if others:
        raise InputError(
            f"{path}: has corrections by {', '.join(others)} that would be overwritten; name the file of their "
            "decisions with --decisions, or another output with --fixes"
        )


def last_step(decisions: Sequence[Decision]) -> Sequence[Decision]:
    """The decisions of the latest step."""
    return [decision for decision in decisions if decision.time == decisions[-1].time]


def _fault(path: Path, row: int, decision: Decision, people: Collection[str] | None) -> str | None:
    if decision.verdict not in VERDICTS:
        return f"verdict {decision.verdict!r} is none of {', '.join(VERDICTS)}"
    if people is not None and decision.id not in people:
        return f"id {decision.id!r} is not a person of the data set"
    return corrections.malformed(Fix(path, row, *decision[:4]))
