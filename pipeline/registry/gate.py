"""The gate before a promotion: two versions compared on the same held-out people, and the objections."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.registry import MARGIN, SLICE_MARGIN
from pipeline.registry.evidence import SLICES, EvalSlice, OutOfFoldEvidence
from pipeline.schema import bootstrap

DATA = ("data_photos", "data_labels")


@dataclass(frozen=True)
class Row:
    """One figure of both versions, the 95 % interval of the difference, and the accepted loss if there is a limit."""

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
        """Whether the loss exceeds the margin; a margin of NaN accepts nothing."""
        return self.margin is not None and not self.difference >= -self.margin


@dataclass(frozen=True)
class Verdict:
    """Figures side by side, and the objections to a promotion; none when it passes."""

    rows: tuple[Row, ...]
    reasons: tuple[str, ...]
    people: int = 0
    photos: int = 0


def compare(
    champion: OutOfFoldEvidence,
    challenger: OutOfFoldEvidence,
    data: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    margin: float = MARGIN,
    slice_margin: float = SLICE_MARGIN,
) -> Verdict:
    """Compare two versions on the people that both held out.

    The score is macro F1 over the product of the predicted attributes; the figure of a slice is accuracy.

    Args:
        champion: Evidence of the champion.
        challenger: Evidence of the challenger.
        data: The tags with the data hashes of both.
        margin: Largest accepted loss of macro F1.
        slice_margin: Largest accepted loss of accuracy in a slice.

    Returns:
        The figures of both versions, and the reasons against a promotion.
    """
    objections = [*_other_data(*data), *_leakage(champion, challenger), *_other_attributes(champion, challenger)]
    people = set(champion.held_out["person"]) & set(challenger.held_out["person"])
    if not people or champion.attributes != challenger.attributes:
        return Verdict((), tuple(objections or ["no person was held out by both"]))
    both = champion.of_people(people), challenger.of_people(people)
    pair = EvalSlice.of(both[0]), EvalSlice.of(both[1])
    if len(pair[0].true) != len(pair[1].true) or (pair[0].true != pair[1].true).any():
        return Verdict((), (*objections, "the labels of the held-out people differ"))
    rows = (*_scores(*both, margin), *_slices(pair, slice_margin))
    losses = [f"worse on {row.group} by {-row.difference:.3f}, more than {row.margin:g}" for row in rows if row.refused]
    return Verdict(rows, (*objections, *losses), len(people), len(pair[0].true))


def check_first(challenger: OutOfFoldEvidence) -> Verdict:
    """The verdict on a first version, without a champion to compare with: whether its scores are unbiased."""
    people = challenger.leaks()
    reasons = [f"trained on {len(people)} of the people in its evaluation"] if people else []
    return Verdict((), tuple(reasons), challenger.held_out["person"].nunique(), len(challenger.held_out))


def _other_data(champion: Mapping[str, str], challenger: Mapping[str, str]) -> Iterator[str]:
    for key in DATA:
        before, after = champion.get(key), challenger.get(key)
        if before != after:
            yield f"{key} differ: {(before or 'unknown')[:12]} and {(after or 'unknown')[:12]}"


def _leakage(champion: OutOfFoldEvidence, challenger: OutOfFoldEvidence) -> Iterator[str]:
    """Objections if the challenger was trained on people that the champion held out, or has no labels of them."""
    held_out = set(champion.held_out["person"])
    labelled = set(challenger.table["person"])
    trained_on = (held_out & labelled - set(challenger.held_out["person"])) | (challenger.leaks() & held_out)
    if trained_on:
        yield (
            f"the challenger was trained on {len(trained_on)} of the {len(held_out)} held-out people, "
            f"e.g. {min(trained_on)}"
        )
    if missing := held_out - labelled:
        yield (
            f"the challenger has no labels of {len(missing)} of the {len(held_out)} held-out people, "
            f"e.g. {min(missing)}"
        )


def _other_attributes(champion: OutOfFoldEvidence, challenger: OutOfFoldEvidence) -> Iterator[str]:
    if champion.attributes != challenger.attributes:
        before, after = (" x ".join(one.attributes) for one in (champion, challenger))
        yield f"the champion predicts {before}, the challenger {after}"


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
        before, after = (float(eval_slice.f1[code]) for eval_slice in whole)
        yield Row("class", name, before, after, *bootstrap.bounds(draws[:, code]))


def _slices(pair: tuple[EvalSlice, EvalSlice], margin: float) -> Iterator[Row]:
    for code in np.unique(pair[0].slices):
        champion, challenger = (eval_slice.of_slice(code) for eval_slice in pair)
        first, second = (bootstrap.accuracies(one.people, one.slices, one.correct) for one in (champion, challenger))
        before, after = (float(one.correct.mean()) for one in (champion, challenger))
        yield Row("slice", SLICES[code], before, after, *bootstrap.bounds(second - first), margin)


def _means(pair: tuple[EvalSlice, EvalSlice]) -> tuple[float, float]:
    return float(pair[0].f1.mean()), float(pair[1].f1.mean())
