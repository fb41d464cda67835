"""The model card of a registered version, in Markdown: what it is for and not for, data, scores, known failures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.registry.evidence import SLICES, EvalSlice, OutOfFoldEvidence
from pipeline.schema import bootstrap, metrics

FILE = "card.md"  # among the evidence
LONGEST = 5000
"""Characters that MLflow's database has for a description."""
CUT = f"\n\n*The rest does not fit here: the whole card is `evidence/{FILE}` of the run that registered this version.*"
FAILURES = 4
FEW = 10  # people, below which a figure of a slice says little


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval over people."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def scores(evidence: OutOfFoldEvidence) -> dict[str, Score]:
    """Macro F1 over the product of all predicted attributes, and of each attribute where there are several."""
    parts = {"macro_f1": evidence.attributes}
    if len(evidence.attributes) > 1:
        parts |= {f"{name}_macro_f1": (name,) for name in evidence.attributes}
    return {name: _score(EvalSlice.of(evidence, chosen)) for name, chosen in parts.items()}


def description(card: str) -> str:
    """A card that is not too long for MLflow; one that is ends with a whole line, and a word on where the rest is."""
    return card if len(card) <= LONGEST else card[: LONGEST - len(CUT)].rpartition("\n")[0] + CUT


def card(name: str, evidence: OutOfFoldEvidence, found: Mapping[str, Score], facts: Mapping[str, str]) -> str:
    """The card of one version; `found` are its scores, `facts` lines on its data and origin, by their names."""
    reading = EvalSlice.of(evidence)
    what = ", ".join(evidence.attributes[:-1]) + " and " * (len(evidence.attributes) > 1) + evidence.attributes[-1]
    people = len(set(reading.people))
    return "\n".join(
        [
            f"{name}: {what}, out-of-fold macro F1 {found['macro_f1']}",
            "",
            f"Tells {what} of a person in a photo. Photos are cropped by the function that training used.",
            "",
            "**For** sorting photos like those that it was trained on: one person, facing the camera, indoors.  ",
            "**Not for** identifying anybody, nor for decisions about a person: gender and age are as the data set's "
            "makers labelled them, two genders and three bands, and errors are not spread evenly (below). Not for "
            "several people in one photo: the largest face is the one that counts.",
            "",
            "## Scores",
            f"Out of fold: {len(reading.true):,} photos of {people:,} people, {_seen(evidence)}. In brackets 95 % of "
            "redrawn people.",
            "",
            *(f"* {key}: {score}" for key, score in found.items()),
            "",
            *_table(("class", "photos", "F1"), _classes(reading)),
            "",
            "Photos that are right in all of it, by gender and age band:",
            "",
            *_table(("slice", "people", "right"), _slices(reading)),
            "",
            "## Known failures",
            *_failures(reading),
            "",
            "## Data and origin",
            *(f"* {key}: {value}" for key, value in facts.items()),
        ]
    )


def _seen(evidence: OutOfFoldEvidence) -> str:
    if leaks := evidence.leaks():
        return f"**{len(leaks):,} of whom the models have seen in other photos, so that these scores flatter**"
    return "each answered by models that have not seen this person"


def _score(reading: EvalSlice) -> Score:
    return Score(float(reading.f1.mean()), *bootstrap.bounds(reading.f1_draws().mean(axis=1)))


def _classes(reading: EvalSlice) -> Iterator[tuple[str, ...]]:
    photos = np.bincount(reading.true, minlength=len(reading.classes))
    for name, count, score in zip(reading.classes, photos, reading.f1, strict=True):
        yield name, f"{count:,}", f"{score:.3f}" if count else "none to score"


def _slices(reading: EvalSlice) -> Iterator[tuple[str, ...]]:
    for code in np.unique(reading.slices):
        own = reading.of_slice(code)
        low, high = bootstrap.bounds(bootstrap.accuracies(own.people, own.slices, own.right))
        yield SLICES[code], f"{len(set(own.people)):,}", f"{own.right.mean():.3f} ({low:.3f} to {high:.3f})"


def _failures(reading: EvalSlice) -> Iterator[str]:
    """The worst slice, those of few people, and the most frequent confusions."""
    parts = {code: reading.of_slice(code) for code in np.unique(reading.slices)}
    worst = min(parts, key=lambda code: float(parts[code].right.mean()))
    yield f"* Worst slice: {SLICES[worst]}, {parts[worst].right.mean():.1%} right."
    if few := [SLICES[code] for code, part in parts.items() if len(set(part.people)) < FEW]:
        yield f"* Fewer than {FEW} people, so nearly unknown: {', '.join(few)}."
    counts = metrics.confusion(reading.true, reading.predicted, len(reading.classes))
    np.fill_diagonal(counts, 0)
    for cell in np.argsort(-counts.ravel(), kind="stable")[:FAILURES]:
        true, said = divmod(int(cell), len(counts))
        if counts[true, said]:
            yield f"* {reading.classes[true]} taken for {reading.classes[said]}: {counts[true, said]:,} photos."
    yield "* A photo without a face that is found is cut at its centre, and answered all the same."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "---:|" * (len(header) - 1)
    for row in rows:
        yield "| " + " | ".join(cell.replace("<", "\\<") for cell in row) + " |"
