"""One training, from files to files: what the stages `train` and `refit` share."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning_fabric import Fabric

from pipeline.formats import arrays, tables
from pipeline.foundation.code import PROJECT, fingerprint
from pipeline.foundation.errors import InputError
from pipeline.modeling import devices, inference, targets, weights
from pipeline.modeling.checkpoints import Checkpoint, Metrics, Progress
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.loop import fit
from pipeline.modeling.members import EPOCHS, EVAL, METRICS, WEIGHTS
from pipeline.modeling.packed import Joined, Packed
from pipeline.modeling.pseudo_labels import Teacher
from pipeline.schema import metrics, predictions

OnEpoch = Callable[[int, Metrics], None]

CODE = Path(__file__).relative_to(PROJECT)  # what a training runs


@dataclass(frozen=True)
class Inputs:
    """The files that a training reads, and the one that it continues from when it was killed."""

    crops: Path
    labels: Path
    folds: Path
    checkpoint: Path
    teacher: Teacher | None = None

    def table(self) -> pd.DataFrame:
        """Labels and fold of every packed crop, in the order of the crops; labels may have a `weight` in the loss."""
        crops = tables.read(self.crops / "train.csv", {"path": "text"})[["path"]]
        labels = tables.read(self.labels, tables.LABELS)
        if "weight" in labels:
            labels = tables.read(self.labels, tables.LABELS | {"weight": "number"})
        folds = tables.read(self.folds, tables.FOLDS)[["path", "fold"]]
        table = crops.merge(labels, on="path", how="left").merge(folds, on="path", how="left")
        lost = table.loc[table.isna().any(axis=1), "path"]
        if len(lost):
            raise InputError(
                f"{self.crops}: {len(lost)} crops have no label or fold, first {lost.iloc[0]}; `dvc repro`"
            )
        return table.astype({"age": "int64", "fold": "int64"})

    def eval_photos(self) -> list[str]:
        """Names of the packed eval crops, in their order."""
        return list(tables.read(self.crops / "eval.csv", {"path": "text"})["path"])

    def pseudo_labels(self, config: ModelConfig) -> pd.DataFrame:
        """A row for each eval photo that the teacher is sure of, as rows of the table; none without a teacher."""
        return self.teacher.labels(self.eval_photos(), config.heads) if self.teacher else pd.DataFrame()

    def start(self, table: pd.DataFrame, recipe: str) -> Checkpoint:
        """The checkpoint of a training of this recipe on these very crops and labels, by this very code."""
        digest = hashlib.blake2b()
        for name in ("train.npy", "eval.npy") if self.teacher else ("train.npy",):
            with (self.crops / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        digest.update(fingerprint(CODE).encode())
        digest.update(table.to_csv(index=False).encode())
        digest.update(recipe.encode())
        return Checkpoint(self.checkpoint, digest.hexdigest())


def run(
    inputs: Inputs,
    table: pd.DataFrame,
    held_out: npt.NDArray[np.bool_],
    config: ModelConfig,
    epochs: int,
    on_epoch: OnEpoch,
) -> Progress:
    """Train an config for `epochs` on the rows of the table that are not held out, and what a teacher adds to them.

    Several GPUs have a process each, which runs the command anew; all but the first end here.
    """
    fabric = Fabric(accelerator="auto", devices=devices.count(), precision=config.precision)
    fabric.launch()
    crops: Packed = arrays.read(inputs.crops / "train.npy")
    if inputs.teacher:
        labels = inputs.pseudo_labels(config)
        crops = Joined(crops, arrays.read(inputs.crops / "eval.npy"), labels["row"].to_numpy(np.int64))
        table = pd.concat([table.assign(weight=targets.weights(table)), labels], ignore_index=True)
        held_out = np.append(held_out, np.zeros(len(labels), np.bool_))
    fold_data = FoldData.of(table, crops, held_out, config)
    checkpoint = inputs.start(table, f"{config.model_dump_json()} {epochs} {fold_data.validation.tolist()}")
    progress = fit(config, fold_data, fabric, checkpoint, epochs, on_epoch)
    if not fabric.is_global_zero:
        sys.exit()
    return progress


def write(inputs: Inputs, output: Path, progress: Progress, recipe: WeightsMetadata) -> None:
    """Write what a training leaves behind.

    weights.safetensors, epochs.csv (a row an epoch), metrics.json (those of the kept epoch) and eval.csv (what the
    weights predict for every eval photo); with a teacher pseudo_labels.csv too.
    """
    weights.save(output / WEIGHTS, progress.state, recipe)
    history = pd.DataFrame(progress.history)
    history.insert(0, "epoch", range(1, len(history) + 1))
    tables.write(history, output / EPOCHS)
    metrics.write(output / METRICS, {"epoch": recipe.epoch} | _scores(progress.history[progress.best]))
    packed = arrays.read(inputs.crops / "eval.npy")
    predictions.write(output / EVAL, inputs.eval_photos(), inference.predict(output / WEIGHTS, packed))
    if inputs.teacher:
        labels = inputs.pseudo_labels(recipe.config)
        tables.write(labels[["path", "label", "probability", "weight"]], output / "pseudo_labels.csv")


def _scores(measured: Metrics) -> Metrics:
    """The scores of the kept epoch by the names that the ensemble has for them; a refit has those of training."""
    part = "val" if "val_loss" in measured else "train"
    names = {
        f"{part}_macro_f1": "macro_f1",
        f"{part}_accuracy": "accuracy",
        f"{part}_loss": "loss",
        f"{part}_mae": "mae",
    }
    scores = {name: measured[key] for key, name in names.items() if key in measured}
    return scores if part == "val" else {f"train_{name}": value for name, value in scores.items()}
