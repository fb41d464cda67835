"""Exported forms against torch: agreement, speed, size and score of each, measured on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt
from rich.table import Table

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError
from pipeline.registry.export.forms import Predict

TOLERANCE = 1e-4
"""Largest accepted difference of a probability, or of years relative to the age, from torch's."""
BATCH, ROUNDS = 16, 5
EAGER = "torch"

Labels = Mapping[str, npt.NDArray[np.int64]]
"""True class codes (n,) by head; heads of years are not among them."""


@dataclass(frozen=True)
class Figures:
    """A form of one member.

    Attributes:
        form: torch, onnx or openvino.
        size: Bytes on disk.
        speed: Images per second.
        gain: Speed relative to torch, in the same rounds.
        difference: Largest difference from torch's predictions.
        score: Accuracy on labelled images, mean over heads; None without labels.
    """

    form: str
    size: int
    speed: float
    gain: float
    difference: float
    score: float | None


def compare(
    forms: Mapping[str, Predict], files: Mapping[str, Sequence[Path]], images: Pixels, labels: Labels
) -> list[Figures]:
    """Measure all forms on the same images, in alternating rounds, so that other load slows all alike.

    Args:
        forms: How each form predicts; the first is torch's.
        files: The files of each form.
        images: Images (n, height, width, 3).
        labels: True class codes of these images, by head; may be empty.

    Returns:
        The figures of each form, in their order.
    """
    predicted = {name: in_batches(predict, images) for name, predict in forms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    batch = images[:BATCH]
    for _ in range(ROUNDS):
        for name, predict in forms.items():
            started = perf_counter()
            predict(batch)
            seconds[name].append(perf_counter() - started)
    reference = next(iter(forms))
    return [
        Figures(
            form=name,
            size=sum(file.stat().st_size for file in files[name]),
            speed=len(batch) / median(seconds[name]),
            gain=median(slow / fast for slow, fast in zip(seconds[reference], seconds[name], strict=True)),
            difference=largest_difference(predicted[reference], predicted[name]),
            score=_score(predicted[name], labels),
        )
        for name in forms
    ]


def largest_difference(
    expected: Mapping[str, npt.NDArray[np.float32]], found: Mapping[str, npt.NDArray[np.float32]]
) -> float:
    """The largest difference over all heads: of probabilities, or of years relative to the age."""
    return max(
        float((np.abs(expected[head] - found[head]) / np.maximum(np.abs(expected[head]), 1)).max()) for head in expected
    )


def require_agreement(member: str, figures: Sequence[Figures]) -> None:
    """Raise `InputError` that names the forms of a member whose predictions differ by more than `TOLERANCE`."""
    far = [f"{each.form}, by {each.difference:.2g}" for each in figures if not each.difference <= TOLERANCE]
    if far:
        raise InputError(f"{member}: predictions differ from torch's by more than {TOLERANCE:g}: {'; '.join(far)}")


def table(rows: Mapping[str, Sequence[Figures]]) -> Table:
    """A table for a terminal: a row per member and form."""
    shown = Table("member", "form", "MB", "images/s", "of torch", "largest difference", "accuracy")
    for member, figures in rows.items():
        for each in figures:
            score = "" if each.score is None else f"{each.score:.4f}"
            numbers = (f"{each.size / 1e6:.2f}", f"{each.speed:.0f}", f"{each.gain:.2f}", f"{each.difference:.1e}")
            shown.add_row(member, each.form, *numbers, score)
    return shown


def in_batches(predict: Predict, images: Pixels) -> dict[str, npt.NDArray[np.float32]]:
    """Predictions of all images (n, height, width, 3), by head."""
    parts = [predict(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}


def _score(predicted: Mapping[str, npt.NDArray[np.float32]], labels: Labels) -> float | None:
    scores = [float((predicted[head].argmax(axis=1) == codes).mean()) for head, codes in labels.items()]
    return float(np.mean(scores)) if scores else None
