"""The figures of a recipe that has run: its scores, and its training time and size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tracking
from pipeline.experiments.resampling import ENSEMBLE, OutOfFold
from pipeline.experiments.runs import needed
from pipeline.formats import tables
from pipeline.formats.documents import read_numbers
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.hashes import sha256
from pipeline.modeling.members import EPOCHS, METRICS, OUT_OF_FOLD, PARTS, PREDICTIONS, WEIGHTS
from pipeline.modeling.weights import parameter_count, read_metadata
from pipeline.orchestration import graph
from pipeline.schema import metrics
from pipeline.schema.bootstrap import bounds
from pipeline.schema.schema import AGE, SCHEMA

REMEDY = "leave out --read to run the recipe again"

Row = dict[str, Any]


@dataclass(frozen=True)
class TrainingCost:
    """A finished training.

    Attributes:
        folder: The folder that it wrote.
        photos: Number of all labelled photos, the held-out fold included.
    """

    folder: Path
    photos: int

    @cached_property
    def epochs(self) -> int:
        """Number of epochs that it ran for."""
        return len(tables.read(self.folder / EPOCHS, {}))

    @cached_property
    def images(self) -> int:
        """Number of training images over all epochs: in each epoch all labelled photos but the held-out fold."""
        is_fold = self.folder.parent.name in PARTS  # a refit has no folders of folds
        part = self.folder.parent if is_fold else self.folder
        held_out = part.parent / PREDICTIONS / self.folder.relative_to(part.parent) / OUT_OF_FOLD
        return self.epochs * (self.photos - (tables.count(held_out) if held_out.exists() else 0))

    @cached_property
    def seconds(self) -> float:
        """Duration of its MLflow run; NaN when MLflow does not know the run."""
        weights = self.folder / WEIGHTS
        return tracking.duration(weights.stem, sha256(weights))

    @property
    def gap(self) -> float:
        """Train minus validation macro F1 at the epoch that was kept; NaN without validation."""
        scores = read_numbers(self.folder / METRICS, REMEDY)
        if "macro_f1" not in scores:
            return np.nan
        epochs = tables.read(
            self.folder / EPOCHS, {"epoch": "integer", "train_macro_f1": "number", "val_macro_f1": "number"}
        )
        kept = epochs[epochs["epoch"] == scores["epoch"]].iloc[0]
        return float(kept["train_macro_f1"] - kept["val_macro_f1"])

    @property
    def model(self) -> str:
        """Name of the model."""
        return read_metadata(self.folder / WEIGHTS).model

    @property
    def parameters(self) -> int:
        """Number of parameters, batch normalisation statistics included."""
        return parameter_count(self.folder / WEIGHTS)


def measure(folder: Path) -> Row:
    """The figures of a workspace, by column; raises `InputError` naming what has not run there.

    Scores are those of the ensemble's out-of-fold predictions; `low` and `high` are the 95 % bootstrap interval of
    macro F1 over people, and `epoch_selected_on_val` is 1 where the scored people selected an epoch. `gap` is a mean
    over the folds; epochs and seconds are sums over all trainings, parameters (in millions) over the models. Images per
    second are training images over the whole time of the trainings.
    Unknown figures are NaN.
    """
    if not (folder / "dvc.yaml").exists():
        raise InputError(f"{folder}: no such run; leave out --read")
    stages = {stage.name: stage for stage in needed(graph.read(folder))}
    outs = [folder / out for stage in stages.values() for out in stage.outs]
    raise_faults(f"{folder} has not run to its end; missing", [str(out) for out in outs if not out.exists()])
    photos = tables.count(folder / stages["split"].outs[0])
    trainings = [TrainingCost(out.parent, photos) for out in outs if out.name == WEIGHTS]
    return _scores(folder) | _effort(trainings)


def _scores(folder: Path) -> Row:
    scores = read_numbers(folder / ENSEMBLE / "metrics.json", REMEDY)
    predicted = OutOfFold.of(folder)
    low, high = bounds(predicted.draws)
    true, found = (SCHEMA.decode(codes)["age"] for codes in (predicted.targets, predicted.predictions))
    return {
        "macro_f1": scores["macro_f1"],
        "epoch_selected_on_val": scores["epoch_selected_on_val"],
        "low": low,
        "high": high,
        "accuracy": scores["accuracy"],
        **{f"{attribute}_f1": scores[f"{attribute}_macro_f1"] for attribute in SCHEMA.names},
        "age_mae": min((value for name, value in scores.items() if name.endswith("_age_mae")), default=np.nan),
        "old_recall": float(metrics.recall(metrics.confusion(true, found, len(AGE.values)))[-1]),
    }


def _effort(trainings: Sequence[TrainingCost]) -> Row:
    seconds = sum(training.seconds for training in trainings)
    gaps = [training.gap for training in trainings if not np.isnan(training.gap)]
    return {
        "gap": float(np.mean(gaps)),
        "epochs": sum(training.epochs for training in trainings),
        "seconds": seconds,
        "parameters": sum({training.model: training.parameters for training in trainings}.values()) / 1e6,
        "images_per_second": sum(training.images for training in trainings) / seconds,
    }
