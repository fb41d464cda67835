"""Two reviewers' decisions compared and merged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from pipeline.foundation.terminal import cell
from pipeline.label_quality.review.decisions import ACCEPT, Decision


@dataclass(frozen=True)
class Agreement:
    """Decisions of two reviewers: pairs that agree, pairs that conflict, and decisions that only one of them made."""

    agreed: list[tuple[Decision, Decision]]
    conflicts: list[tuple[Decision, Decision]]
    alone: tuple[list[Decision], list[Decision]]

    @classmethod
    def of(cls, first: Sequence[Decision], second: Sequence[Decision]) -> "Agreement":
        """Compare two lists of decisions; equal verdicts agree, accepted ones only with equal values."""
        ours, theirs = ({decision.target: decision for decision in some} for some in (first, second))
        pairs = [(ours[target], theirs[target]) for target in ours if target in theirs]
        alone = ([one for one in first if one.target not in theirs], [one for one in second if one.target not in ours])
        return cls([pair for pair in pairs if _agree(*pair)], [pair for pair in pairs if not _agree(*pair)], alone)

    def merged(self) -> list[Decision]:
        """All decisions without the conflicts; where both agree, the later time counts."""
        both = [
            one._replace(reviewer=_both(one.reviewer, other.reviewer), time=max(one.time, other.time))
            for one, other in self.agreed
        ]
        return sorted([*both, *self.alone[0], *self.alone[1]], key=lambda decision: (decision.time, decision.target))

    def tables(self, names: tuple[str, str]) -> Iterator[Table]:
        """Tables for the terminal: counts, and the conflicts if there are any."""
        counts = Table(title="Decisions", title_justify="left")
        for column in ("agreed", "conflicts", *(f"only {name}" for name in map(cell, names))):
            counts.add_column(column, justify="right")
        counts.add_row(*(f"{len(some):,}" for some in (self.agreed, self.conflicts, *self.alone)))
        yield counts
        if self.conflicts:
            found = Table(title="Conflicts", title_justify="left")
            for column in ("id", "field", "label", *map(cell, names)):
                found.add_column(column, overflow="fold")
            for one, other in self.conflicts:
                found.add_row(*map(cell, (one.id, one.field, one.was, _text(one), _text(other))))
            yield found


def _agree(one: Decision, other: Decision) -> bool:
    return one.verdict == other.verdict and one.was == other.was and (one.verdict != ACCEPT or one.value == other.value)


def _both(one: str, other: str) -> str:
    return one if one == other else " and ".join(sorted((one, other)))


def _text(decision: Decision) -> str:
    return f"{decision.verdict}: {decision.value}" if decision.verdict == ACCEPT else decision.verdict
