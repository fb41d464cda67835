"""A review in progress: cases, and the decisions that are on disk as soon as they are made."""

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
from pipeline.label_quality.review.decisions import VERDICTS, Decision


class Choice(NamedTuple):
    """What a reviewer says of one field of a person."""

    field: str
    value: str
    verdict: str


class OutdatedError(Exception):
    """The decisions were changed by somebody else than who decides now."""


@dataclass(frozen=True)
class Review:
    """Decisions of one reviewer on cases. The file is all there is: every step reads it, and writes it whole."""

    cases: Sequence[Case]
    file: Path
    fixes: Path
    reviewer: str

    def open(self, people: Collection[str]) -> None:
        """Go on where the file ends; the fixes file is brought up to it, whatever a kill left.

        Raises `InputError` for decisions on others than `people`, and for a fixes file of somebody else, or of other
        decisions than those of the file.
        """
        known = decisions.read(self.file, people) if self.file.exists() else []
        own = {self.reviewer, *(decision.reviewer for decision in known)} if self.file.exists() else set()
        decisions.check_fixes(self.fixes, own)
        decisions.write_fixes(self.fixes, known)

    def decisions(self) -> list[Decision]:
        """What has been decided so far, the latest last."""
        return decisions.read(self.file) if self.file.exists() else []

    def revision(self) -> str:
        """What the file is known by: a digest, empty before the first decision."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest() if self.file.exists() else ""

    def state(self) -> tuple[str, list[Decision]]:
        """The revision and the decisions that a page is to show.

        The revision is read first: who decides in another page meanwhile makes this one outdated, and is not unseen.
        """
        return self.revision(), self.decisions()

    def decide(self, revision: str, person: str, choices: Sequence[Choice]) -> None:
        """Save choices about a person as one step; a choice replaces an earlier one on the same field.

        Raises `InputError` for a choice that makes no sense, and `OutdatedError` when the file is not of that revision.
        """
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        made = [self._decision(person, choice, time) for choice in choices]
        with self._alone():
            self._require(revision)
            targets = {decision.target for decision in made}
            self._save([*(known for known in self.decisions() if known.target not in targets), *made])

    def undo(self, revision: str) -> None:
        """Take the latest step back: what it decided is open again."""
        with self._alone():
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
    def _alone(self) -> Iterator[None]:
        """Let nobody else decide meanwhile, in this process or another."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.file.parent, os.O_RDONLY)  # the file itself is another after every decision
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _require(self, revision: str) -> None:
        if revision != self.revision():
            raise OutdatedError(f"{self.file} has changed since this page was loaded; load it again")

    def _save(self, known: Sequence[Decision]) -> None:
        decisions.write(self.file, known)
        decisions.write_fixes(self.fixes, known)
