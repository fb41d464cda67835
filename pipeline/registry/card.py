"""The model card of a registered version, in Markdown: intended use, scores, known failures, data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.registry.evidence import SLICES, EvalSlice, OutOfFoldEvidence
from pipeline.schema import bootstrap, metrics

FILE = "card.md"  # among the evidence
LONGEST = 5000
"""The most characters of a description in MLflow's database."""
CUT = f"\n\n*Truncated: the whole card is `evidence/{FILE}` of the run that registered this version.*"
FAILURES = 4
FEW = 10  # people, below which the accuracy of a slice is hardly known


@dataclass(frozen=True)
class Score:
    """A score with its 95 % bootstrap interval over people."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def scores(evidence: OutOfFoldEvidence) -> dict[str, Score]:
    """Macro F1 over the product of all predicted attributes, and of each attribute when there are several."""
    parts = {"macro_f1": evidence.attributes}
    if len(evidence.attributes) > 1:
        parts |= {f"{name}_macro_f1": (name,) for name in evidence.attributes}
    return {name: _score(EvalSlice.of(evidence, chosen)) for name, chosen in parts.items()}


def description(card: str) -> str:
    """A card cut at a line to what MLflow accepts, with a note on where the whole card is."""
    return card if len(card) <= LONGEST else card[: LONGEST - len(CUT)].rpartition("\n")[0] + CUT


def card(name: str, evidence: OutOfFoldEvidence, scores: Mapping[str, Score], facts: Mapping[str, str]) -> str:
    """The card of one version from its evidence, its scores, and facts on data and provenance by their names."""
    eval_slice = EvalSlice.of(evidence)
    what = ", ".join(evidence.attributes[:-1]) + " and " * (len(evidence.attributes) > 1) + evidence.attributes[-1]
    people = len(set(eval_slice.people))
    return "\n".join(
        [
            f"{name}: {what}, out-of-fold macro F1 {scores['macro_f1']}",
            "",
            f"Predicts {what} of a person in a photo. Photos are cropped as in training.",
            "",
            "**For** sorting photos like those of the training data: one person, facing the camera, indoors.  ",
            "**Not for** identifying people, nor for decisions about a person: gender and age are the data set's "
            "labels, two genders and three age bands, and errors are unevenly distributed (below). Not for several "
            "people in one photo: only the largest face is used.",
            "",
            "## Scores",
            f"Out of fold: {len(eval_slice.true):,} photos of {people:,} people, {_leakage(evidence)}. In brackets: "
            "95 % bootstrap interval over people.",
            "",
            *(f"* {key}: {score}" for key, score in scores.items()),
            "",
            *_table(("class", "photos", "F1"), _classes(eval_slice)),
            "",
            "Accuracy over all predicted attributes, by gender and age band:",
            "",
            *_table(("slice", "people", "accuracy"), _slices(eval_slice)),
            "",
            "## Known failures",
            *_failures(eval_slice),
            "",
            "## Data and provenance",
            *(f"* {key}: {value}" for key, value in facts.items()),
        ]
    )


def _leakage(evidence: OutOfFoldEvidence) -> str:
    if leaks := evidence.leaks():
        return f"**{len(leaks):,} of them with photos in the training folds too, so these scores are optimistic**"
    return "each predicted by models that were not trained on this person"


def _score(eval_slice: EvalSlice) -> Score:
    return Score(float(eval_slice.f1.mean()), *bootstrap.bounds(eval_slice.f1_draws().mean(axis=1)))


def _classes(eval_slice: EvalSlice) -> Iterator[tuple[str, ...]]:
    photos = np.bincount(eval_slice.true, minlength=len(eval_slice.classes))
    for name, count, score in zip(eval_slice.classes, photos, eval_slice.f1, strict=True):
        yield name, f"{count:,}", f"{score:.3f}" if count else "no photos"


def _slices(eval_slice: EvalSlice) -> Iterator[tuple[str, ...]]:
    for code in np.unique(eval_slice.slices):
        own = eval_slice.of_slice(code)
        low, high = bootstrap.bounds(bootstrap.accuracies(own.people, own.slices, own.correct))
        yield SLICES[code], f"{len(set(own.people)):,}", f"{own.correct.mean():.3f} ({low:.3f} to {high:.3f})"


def _failures(eval_slice: EvalSlice) -> Iterator[str]:
    """The worst slice, those of few people, and the most frequent confusions."""
    parts = {code: eval_slice.of_slice(code) for code in np.unique(eval_slice.slices)}
    worst = min(parts, key=lambda code: float(parts[code].correct.mean()))
    yield f"* Worst slice: {SLICES[worst]}, accuracy {parts[worst].correct.mean():.1%}."
    if few := [SLICES[code] for code, part in parts.items() if len(set(part.people)) < FEW]:
        yield f"* Fewer than {FEW} people, so hardly known: {', '.join(few)}."
    counts = metrics.confusion(eval_slice.true, eval_slice.predicted, len(eval_slice.classes))
    np.fill_diagonal(counts, 0)
    for cell in np.argsort(-counts.ravel(), kind="stable")[:FAILURES]:
        true, predicted = divmod(int(cell), len(counts))
        if counts[true, predicted]:
            names = eval_slice.classes[true], eval_slice.classes[predicted]
            yield f"* {names[0]} predicted as {names[1]}: {counts[true, predicted]:,} photos."
    yield "* A photo in which no face is detected is cropped at its centre and predicted all the same."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "---:|" * (len(header) - 1)
    for row in rows:
        yield "| " + " | ".join(cell.replace("<", "\\<") for cell in row) + " |"
