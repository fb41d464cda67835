"""What a recipe that has run is worth: its scores, and what it took to get them."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tracking
from pipeline.experiments.runs import needed
from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.hashes import sha256
from pipeline.modeling.members import EPOCHS, METRICS, OUT_OF_FOLD, PARTS, PREDICTIONS, WEIGHTS
from pipeline.modeling.weights import VALIDATED
from pipeline.orchestration import graph
from pipeline.schema import metrics
from pipeline.schema.bootstrap import interval
from pipeline.schema.schema import AGE, SCHEMA

PREDICTED: dict[str, tables.Kind] = {"path": "text", "target": "integer", "prediction": "integer"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """The folder that a training wrote; `photos` are all labelled ones."""

    folder: Path
    photos: int

    @cached_property
    def epochs(self) -> int:
        """Epochs that it ran for."""
        return len(tables.read(self.folder / EPOCHS, {}))

    @cached_property
    def seen(self) -> int:
        """Photos that it was shown: all but those it held out, in every epoch."""
        part = (
            self.folder.parent if self.folder.parent.name in PARTS else self.folder
        )  # a refit has no folders of folds
        held_out = part.parent / PREDICTIONS / self.folder.relative_to(part.parent) / OUT_OF_FOLD
        return self.epochs * (self.photos - (len(tables.read(held_out, {})) if held_out.exists() else 0))

    @cached_property
    def seconds(self) -> float:
        """How long it took, as MLflow has it; NaN where MLflow does not know it."""
        weights = self.folder / WEIGHTS
        return tracking.duration(weights.stem, sha256(weights))

    @property
    def gap(self) -> float:
        """F1 in training minus that in validation, at the epoch that was kept; NaN without validation."""
        scores = json.loads((self.folder / METRICS).read_text(encoding="utf-8"))
        if "macro_f1" not in scores:
            return np.nan
        epochs = tables.read(
            self.folder / EPOCHS, {"epoch": "integer", "train_macro_f1": "number", "val_macro_f1": "number"}
        )
        row = epochs.set_index("epoch").loc[scores["epoch"]]
        return float(row["train_macro_f1"] - row["val_macro_f1"])

    @property
    def model(self) -> str:
        """The config that it is a training of."""
        return str(json.loads(self._header["__metadata__"]["recipe"])["model"])

    @property
    def parameters(self) -> int:
        """Numbers in its weights, those of batch normalisation included."""
        shapes = [
            tensor["shape"] for name, tensor in self._header.items() if not name.startswith(("__metadata__", VALIDATED))
        ]
        return sum(math.prod(shape) for shape in shapes)

    @cached_property
    def _header(self) -> Row:
        """What a safetensors file opens with, after eight bytes of its length: the shapes of all tensors."""
        with (self.folder / WEIGHTS).open("rb") as file:
            header: Row = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return header


def measure(folder: Path) -> Row:
    """The figures of a workspace, by column; raises `InputError` naming what has not run there.

    Scores are those of the ensemble's out-of-fold predictions; `low` and `high` bound macro F1 for 95 % of drawn
    people. `gap` is a mean over the folds; epochs and seconds are sums over all trainings, parameters (in millions)
    over the models. Photos per second count every epoch, and all that a training does. NaN is not known.
    """
    if not (folder / "dvc.yaml").exists():
        raise InputError(f"{folder}: no such run; leave out --read")
    stages = {stage.name: stage for stage in needed(graph.read(folder))}
    outs = [folder / out for stage in stages.values() for out in stage.outs]
    raise_faults(f"{folder} has not run to its end; missing", [str(out) for out in outs if not out.exists()])
    photos = len(tables.read(folder / stages["split"].outs[0], {}))
    trainings = [Training(out.parent, photos) for out in outs if out.name == WEIGHTS]
    return _scores((folder / stages["ensemble"].outs[0]).parent) | _effort(trainings)


def _scores(results: Path) -> Row:
    scores = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
    table = tables.read(results / OUT_OF_FOLD, PREDICTED)
    targets, predictions = table["target"].to_numpy(), table["prediction"].to_numpy()
    low, high = interval(list(table["path"].str.partition("/")[0]), targets, predictions)
    ages = metrics.confusion(SCHEMA.decode(targets)["age"], SCHEMA.decode(predictions)["age"], len(AGE.values))
    return {
        "macro_f1": scores["macro_f1"],
        "low": low,
        "high": high,
        "accuracy": scores["accuracy"],
        **{f"{attribute}_f1": scores[f"{attribute}_macro_f1"] for attribute in SCHEMA.names},
        "age_mae": min((value for name, value in scores.items() if name.endswith("_age_mae")), default=np.nan),
        "old_recall": float(metrics.recall(ages)[-1]),
    }


def _effort(trainings: Sequence[Training]) -> Row:
    seconds = sum(training.seconds for training in trainings)
    gaps = [training.gap for training in trainings if not np.isnan(training.gap)]
    return {
        "gap": float(np.mean(gaps)),
        "epochs": sum(training.epochs for training in trainings),
        "seconds": seconds,
        "parameters": sum({training.model: training.parameters for training in trainings}.values()) / 1e6,
        "images_per_second": sum(training.seen for training in trainings) / seconds,
    }
