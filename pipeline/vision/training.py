"""One training, from files to files: what the stages `train` and `refit` share."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning_fabric import Fabric

from pipeline import metrics, tables, targets
from pipeline.entries import Model, Recipe
from pipeline.errors import InputError
from pipeline.vision import weights
from pipeline.vision.checkpoints import Checkpoint, Metrics, Progress
from pipeline.vision.criterion import Material
from pipeline.vision.loop import fit

OnEpoch = Callable[[int, Metrics], None]


@dataclass(frozen=True)
class Inputs:
    """The files that a training reads, and the one that it continues from when it was killed."""

    crops: Path
    labels: Path
    folds: Path
    checkpoint: Path

    def table(self) -> pd.DataFrame:
        """Labels and fold of every packed crop, in the order of the crops."""
        crops = tables.read(self.crops / "train.csv", {"path": "text"})[["path"]]
        labels = tables.read(self.labels, tables.LABELS)
        folds = tables.read(self.folds, tables.FOLDS)[["path", "fold"]]
        table = crops.merge(labels, on="path", how="left").merge(folds, on="path", how="left")
        lost = table.loc[table.isna().any(axis=1), "path"]
        if len(lost):
            raise InputError(
                f"{self.crops}: {len(lost)} crops have no label or fold, first {lost.iloc[0]}; `dvc repro`"
            )
        return table.astype({"age": "int64", "fold": "int64"})

    def start(self, table: pd.DataFrame, recipe: str) -> Checkpoint:
        """The checkpoint of a training of this recipe on these very crops and labels."""
        with (self.crops / "train.npy").open("rb") as file:
            digest = hashlib.file_digest(file, "blake2b")
        digest.update(table.to_csv(index=False).encode())
        digest.update(recipe.encode())
        return Checkpoint(self.checkpoint, digest.hexdigest())


def run(
    inputs: Inputs, table: pd.DataFrame, held_out: npt.NDArray[np.bool_], entry: Model, epochs: int, on_epoch: OnEpoch
) -> Progress:
    """Train an entry for `epochs` on the rows of the table that are not held out."""
    fabric = Fabric(accelerator="auto", devices="auto", precision=entry.precision)
    fabric.launch()
    material = Material(
        crops=np.load(inputs.crops / "train.npy", mmap_mode="r"),
        taught=targets.taught(table, entry.heads),
        scored=targets.scored(table, entry.heads),
        training=np.flatnonzero(~held_out),
        validation=np.flatnonzero(held_out),
    )
    checkpoint = inputs.start(table, f"{entry.model_dump_json()} {epochs} {material.validation.tolist()}")
    return fit(entry, material, fabric, checkpoint, epochs, on_epoch)


def write(output: Path, progress: Progress, recipe: Recipe) -> None:
    """Write weights.safetensors, epochs.csv (a row an epoch) and metrics.json (those of the kept epoch)."""
    weights.save(output / "weights.safetensors", progress.state, recipe)
    history = pd.DataFrame(progress.history)
    history.insert(0, "epoch", range(1, len(history) + 1))
    tables.write(history, output / "epochs.csv")
    metrics.write(output / "metrics.json", {"epoch": recipe.epoch} | _scores(progress.history[progress.best]))


def _scores(measured: Metrics) -> Metrics:
    """The scores of the kept epoch by the names that the ensemble has for them; a refit has those of training."""
    part = "validation" if "validation_loss" in measured else "train"
    names = {f"{part}_f1": "macro_f1", f"{part}_accuracy": "accuracy", f"{part}_loss": "loss", f"{part}_mae": "mae"}
    scores = {name: measured[key] for key, name in names.items() if key in measured}
    return scores if part == "validation" else {f"train_{name}": value for name, value in scores.items()}
