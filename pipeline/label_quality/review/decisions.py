"""What a reviewer decided: a file with a row a decision, and the fixes file that follows from it."""

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
    """One field of one person: the label, the value that was suggested or put instead, and what became of it.

    `id` is the person's path, `time` UTC in ISO 8601. What was decided in one step has one time.
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
        """Whom it is about, and which field."""
        return self.id, self.field


COLUMNS: dict[str, tables.Kind] = dict.fromkeys(Decision._fields, "text")
FIXES = [*corrections.COLUMNS, "reviewer", "time"]


def read(path: Path, people: Collection[str] | None = None) -> list[Decision]:
    """The decisions of a file, in their order.

    Raises `InputError` that names every row that is no decision, repeats another, or is of nobody in `people`.
    """
    rows = tables.read(path, COLUMNS)[list(COLUMNS)].itertuples(index=False, name=None)
    decisions = [Decision(*row) for row in rows]
    first: dict[corrections.Target, int] = {}
    faults = []
    for row, decision in enumerate(decisions, start=2):
        fault = _fault(path, row, decision, people)
        if decision.target in first:
            fault = f"{decision.field} of {decision.id} is already decided in row {first[decision.target]}"
        faults += [f"row {row}: {fault}"] if fault else []
        first.setdefault(decision.target, row)
    raise_faults(f"{path}: rows that are no decision; mend or remove them, the file was left as it is", faults)
    return decisions


def write(path: Path, decisions: Iterable[Decision]) -> None:
    """Write a file of decisions, whole or not at all."""
    tables.write(pd.DataFrame(decisions, columns=list(Decision._fields)), path)


def write_fixes(path: Path, decisions: Iterable[Decision]) -> None:
    """Write what was accepted as a fixes file, which has two columns more: reviewer and time."""
    accepted = [decision._asdict() | {"source": "review"} for decision in decisions if decision.verdict == ACCEPT]
    tables.write(pd.DataFrame(accepted, columns=FIXES), path)


def check_fixes(path: Path, reviewers: Collection[str]) -> None:
    """Raise `InputError` unless a fixes file may be written anew: it is not there, or of these reviewers alone."""
    if not path.exists():
        return
    rows = tables.read(path, corrections.COLUMNS)
    others = sorted(set(rows["reviewer"]) - set(reviewers)) if "reviewer" in rows else ["no review"]
    if others:
        raise InputError(
            f"{path}: holds corrections of {', '.join(others)} that would be overwritten; name the decisions that they "
            "come from with --decisions, or another file with --fixes"
        )


def last_step(decisions: Sequence[Decision]) -> Sequence[Decision]:
    """The latest decisions, which were made in one step."""
    return [decision for decision in decisions if decision.time == decisions[-1].time]


def _fault(path: Path, row: int, decision: Decision, people: Collection[str] | None) -> str | None:
    if decision.verdict not in VERDICTS:
        return f"verdict {decision.verdict!r} is none of {', '.join(VERDICTS)}"
    if people is not None and decision.id not in people:
        return f"id {decision.id!r} matches nobody"
    return corrections.malformed(Fix(path, row, *decision[:4]))
