"""A review in progress: every decision is on disk before the next one."""

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.dataset import corrections
from pipeline.dataset.corrections import SWAP, Fix
from pipeline.foundation.errors import InputError
from pipeline.label_quality.review import decisions
from pipeline.label_quality.review.cases import Case
from pipeline.label_quality.review.decisions import ACCEPT, VERDICTS, Decision


class Choice(NamedTuple):
    """A verdict on one field of a person."""

    field: str
    value: str
    verdict: str


class OutdatedError(Exception):
    """The file of decisions has changed since the page was loaded."""


@dataclass(frozen=True)
class Review:
    """The decisions of one reviewer on cases. The file is the only state: every step reads it and writes it whole."""

    cases: Sequence[Case]
    file: Path
    fixes: Path
    reviewer: str

    def open(self, people: Collection[str]) -> None:
        """Resume the review and write the corrections that follow from its decisions.

        Raises `InputError` for decisions on people not in `people`, and for a corrections file of another reviewer
        or of other decisions.
        """
        known = decisions.read(self.file, people) if self.file.exists() else []
        own = {self.reviewer, *(decision.reviewer for decision in known)} if self.file.exists() else set()
        decisions.check_fixes(self.fixes, own)
        self._write_fixes(known)

    def decisions(self) -> list[Decision]:
        """The decisions so far, the latest last."""
        return decisions.read(self.file) if self.file.exists() else []

    def revision(self) -> str:
        """SHA-256 of the file of decisions; empty before the first decision."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest() if self.file.exists() else ""

    def state(self) -> tuple[str, list[Decision]]:
        """The revision and the decisions that a page shows.

        The revision is read first: a decision in another page in between makes this page outdated.
        """
        return self.revision(), self.decisions()

    def decide(self, revision: str, person: str, choices: Sequence[Choice]) -> None:
        """Save choices on a person as one step; a choice replaces an earlier one on the same field.

        Raises `InputError` for an invalid choice, and `OutdatedError` when the file has another revision.
        """
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        taken = [self._decision(person, choice, time) for choice in choices]
        with self._locked():
            self._require(revision)
            targets = {decision.target for decision in taken}
            self._save([*(known for known in self.decisions() if known.target not in targets), *taken])

    def undo(self, revision: str) -> None:
        """Undo the latest step; its fields are open again."""
        with self._locked():
            self._require(revision)
            known = self.decisions()
            last = decisions.last_step(known)
            self._save([decision for decision in known if decision not in last])

    def _decision(self, person: str, choice: Choice, time: str) -> Decision:
        case = next((case for case in self.cases if case.person == person), None)
        if case is None:
            raise InputError(f"{person!r} is not under review")
        if choice.verdict not in VERDICTS:
            raise InputError(f"verdict {choice.verdict!r} is none of {', '.join(VERDICTS)}")
        was = {"gender": case.gender, "age": str(case.age)}.get(choice.field, "")
        value = SWAP if choice.field == "mask" else choice.value
        if fault := corrections.malformed(Fix(self.file, 0, person, choice.field, was, value)):
            raise InputError(fault)
        return Decision(person, choice.field, was, value, choice.verdict, self.reviewer, time)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the decisions against other threads and processes."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.file.parent, os.O_RDONLY)  # the file itself is replaced at every decision
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _require(self, revision: str) -> None:
        if revision != self.revision():
            raise OutdatedError(f"{self.file} has changed since this page was loaded; reload the page")

    def _save(self, known: Sequence[Decision]) -> None:
        decisions.write(self.file, known)
        self._write_fixes(known)

    def _write_fixes(self, known: Sequence[Decision]) -> None:
        """Write the corrections. There is no file before the first: a new one would make the stage `relabel` stale."""
        if self.fixes.exists() or any(decision.verdict == ACCEPT for decision in known):
            decisions.write_fixes(self.fixes, known)
