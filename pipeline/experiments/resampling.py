"""Scores of systems with intervals over people and over seeds, and paired differences of two systems.

People are resampled as in `pipeline.schema.bootstrap`, a person of several folders as one. Every draw also resamples
the trainings with different seeds, whose deviations from their mean are multiplied by sqrt(n / (n - 1)), as n of them
are drawn from n (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 2.3). With one seed the
interval is over people alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.formats import tables
from pipeline.modeling.members import OUT_OF_FOLD
from pipeline.schema import metrics
from pipeline.schema.bootstrap import DRAWS, SEED, bounds, f1s
from pipeline.schema.schema import SCHEMA, Codes

PREDICTED: dict[str, tables.Kind] = {"path": "text", "target": "integer", "prediction": "integer"}

ENSEMBLE = Path("results", "ensemble")  # in a workspace
FOLDS = Path("data", "folds.parquet")

Draws = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions of a training.

    Attributes:
        photos: Paths of the photos (n), in sorted order.
        people: The person of each photo (n), by one name for all folders of a person.
        targets: True class codes (n,).
        predictions: Predicted class codes (n,).
    """

    photos: tuple[str, ...]
    people: tuple[str, ...]
    targets: Codes
    predictions: Codes

    @classmethod
    def of(cls, workspace: Path) -> "OutOfFold":
        """The predictions of the ensemble in a workspace; raises `InputError` when a file is missing or malformed."""
        table = tables.read(workspace / ENSEMBLE / OUT_OF_FOLD, PREDICTED, unique="path").sort_values("path")
        folds = tables.read(workspace / FOLDS, tables.FOLDS, unique="path").set_index("path")
        return cls(
            tuple(table["path"]),
            tuple(folds.loc[table["path"], "person"]),
            table["target"].to_numpy(),
            table["prediction"].to_numpy(),
        )

    @property
    def macro_f1(self) -> float:
        """Macro F1 over all classes."""
        return metrics.macro_f1(metrics.confusion(self.targets, self.predictions))

    @cached_property
    def draws(self) -> Draws:
        """Macro F1 (draws,) of the people of each draw."""
        cells = SCHEMA.people.encode(SCHEMA.decode(self.targets))
        return np.asarray(f1s(self.people, cells, self.targets, self.predictions).mean(axis=1))

    def is_of_photos_of(self, other: "OutOfFold") -> bool:
        """Whether both predict the same photos with the same labels, so that their scores can be compared."""
        return self.photos == other.photos and bool((self.targets == other.targets).all())


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What the interval of a difference says: `better` or `worse` only when it excludes 0."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"


def score(name: str, trainings: Sequence[OutOfFold]) -> Interval:
    """Mean macro F1 of trainings that differ in their seed, with its interval over people and seeds.

    Args:
        name: Name of the system; the seeds of two systems are resampled independently of each other.
        trainings: Predictions of the same photos.
    """
    return Interval(_mean(trainings), *bounds(_draws(name, trainings)))


def difference(name: str, trainings: Sequence[OutOfFold], other_name: str, others: Sequence[OutOfFold]) -> Interval:
    """How much higher the mean macro F1 of a system is than that of another, paired by person.

    Args:
        name: Name of the system.
        trainings: Its trainings.
        other_name: Name of the other.
        others: The trainings of the other, of the same photos.
    """
    draws = _draws(name, trainings) - _draws(other_name, others)
    return Interval(_mean(trainings) - _mean(others), *bounds(draws))


def _mean(trainings: Sequence[OutOfFold]) -> float:
    return float(np.mean([training.macro_f1 for training in trainings]))


def _draws(name: str, trainings: Sequence[OutOfFold]) -> Draws:
    """Mean macro F1 (draws,) of resampled people and seeds."""
    scores = np.stack([training.draws for training in trainings], axis=1)
    if len(trainings) == 1:
        return scores[:, 0]
    random = np.random.default_rng([SEED, *name.encode()])
    chosen = random.integers(len(trainings), size=(DRAWS, len(trainings)))
    means = scores.mean(axis=1)
    deviations = np.take_along_axis(scores, chosen, axis=1).mean(axis=1) - means
    return np.asarray(means + np.sqrt(len(trainings) / (len(trainings) - 1)) * deviations)
