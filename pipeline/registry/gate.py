"""The gate before a promotion: two versions on the same held-out people, and what speaks against the newer one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.registry import MARGIN, SLICE_MARGIN
from pipeline.registry.evidence import SLICES, EvalSlice, OutOfFoldEvidence
from pipeline.schema import bootstrap

DATA = ("data_photos", "data_labels")


@dataclass(frozen=True)
class Row:
    """One figure of both, the 95 % interval of their difference, and the loss that is allowed, if there is a limit."""

    of: str
    group: str
    champion: float
    challenger: float
    low: float
    high: float
    margin: float | None = None

    @property
    def difference(self) -> float:
        """How much better the challenger is."""
        return self.challenger - self.champion

    @property
    def refused(self) -> bool:
        """Whether the challenger loses more than is allowed; a margin that is no number allows nothing."""
        return self.margin is not None and not self.difference >= -self.margin


@dataclass(frozen=True)
class Verdict:
    """Figures side by side, and the reasons against a promotion; there are none when it may pass."""

    rows: tuple[Row, ...]
    reasons: tuple[str, ...]
    people: int = 0
    photos: int = 0


def judge(
    champion: OutOfFoldEvidence,
    challenger: OutOfFoldEvidence,
    data: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    margin: float = MARGIN,
    slice_margin: float = SLICE_MARGIN,
) -> Verdict:
    """Compare two versions on the people that both held out; `data` are the hashes that each was made from.

    The score is macro F1 over the product of the attributes that are predicted, a slice's the share of right answers.
    """
    doubts = [*_other_data(*data), *_seen(champion, challenger), *_other_attributes(champion, challenger)]
    people = set(champion.held_out["person"]) & set(challenger.held_out["person"])
    if not people or champion.attributes != challenger.attributes:
        return Verdict((), tuple(doubts or ["no person was held out by both"]))
    both = champion.of_people(people), challenger.of_people(people)
    pair = EvalSlice.of(both[0]), EvalSlice.of(both[1])
    if len(pair[0].true) != len(pair[1].true) or (pair[0].true != pair[1].true).any():
        return Verdict((), (*doubts, "the labels of the held-out people differ"))
    rows = (*_scores(*both, margin), *_slices(pair, slice_margin))
    losses = [f"worse on {row.group} by {-row.difference:.3f}, more than {row.margin:g}" for row in rows if row.refused]
    return Verdict(rows, (*doubts, *losses), len(people), len(pair[0].true))


def alone(challenger: OutOfFoldEvidence) -> Verdict:
    """The verdict on a first version, which has no champion to compare with: whether its own figures are honest."""
    people = challenger.leaks()
    reasons = [f"trained on {len(people)} of the people that it is scored on"] if people else []
    return Verdict((), tuple(reasons), challenger.held_out["person"].nunique(), len(challenger.held_out))


def _other_data(champion: Mapping[str, str], challenger: Mapping[str, str]) -> Iterator[str]:
    for key in DATA:
        before, after = champion.get(key), challenger.get(key)
        if before != after:
            yield f"{key} differ: {(before or 'unknown')[:12]} and {(after or 'unknown')[:12]}"


def _seen(champion: OutOfFoldEvidence, challenger: OutOfFoldEvidence) -> Iterator[str]:
    """People that the champion held out, and that the challenger was trained on: it has seen what it is asked."""
    held_out = set(champion.held_out["person"])
    known = set(challenger.table["person"])
    seen = (held_out & known - set(challenger.held_out["person"])) | (challenger.leaks() & held_out)
    if seen:
        yield f"the challenger was trained on {len(seen)} of the {len(held_out)} held-out people, e.g. {min(seen)}"
    if missing := held_out - known:
        yield f"the challenger does not know {len(missing)} of the {len(held_out)} held-out people, e.g. {min(missing)}"


def _other_attributes(champion: OutOfFoldEvidence, challenger: OutOfFoldEvidence) -> Iterator[str]:
    if champion.attributes != challenger.attributes:
        yield f"they predict {' x '.join(champion.attributes)} and {' x '.join(challenger.attributes)}"


def _scores(champion: OutOfFoldEvidence, challenger: OutOfFoldEvidence, margin: float) -> Iterator[Row]:
    """Macro F1 over all classes, of each attribute, and F1 of each class."""
    whole = EvalSlice.of(champion), EvalSlice.of(challenger)
    draws = whole[1].f1_draws() - whole[0].f1_draws()
    yield Row("score", "macro F1", *_means(whole), *bootstrap.bounds(draws.mean(axis=1)), margin)
    for attribute in champion.attributes if len(champion.attributes) > 1 else ():
        pair = EvalSlice.of(champion, (attribute,)), EvalSlice.of(challenger, (attribute,))
        differences = (pair[1].f1_draws() - pair[0].f1_draws()).mean(axis=1)
        yield Row("attribute", attribute, *_means(pair), *bootstrap.bounds(differences))
    for code, name in enumerate(whole[0].classes):
        before, after = (float(reading.f1[code]) for reading in whole)
        yield Row("class", name, before, after, *bootstrap.bounds(draws[:, code]))


def _slices(pair: tuple[EvalSlice, EvalSlice], margin: float) -> Iterator[Row]:
    for code in np.unique(pair[0].slices):
        champion, challenger = (reading.of_slice(code) for reading in pair)
        first, second = (bootstrap.accuracies(one.people, one.slices, one.right) for one in (champion, challenger))
        before, after = (float(one.right.mean()) for one in (champion, challenger))
        yield Row("slice", SLICES[code], before, after, *bootstrap.bounds(second - first), margin)


def _means(pair: tuple[EvalSlice, EvalSlice]) -> tuple[float, float]:
    return float(pair[0].f1.mean()), float(pair[1].f1.mean())
