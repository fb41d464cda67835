"""Shared by the training stages: the input files, the processes of a training, and its output files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightning_fabric import Fabric

from pipeline.formats import crop_files, tables
from pipeline.formats.arrays import Packed
from pipeline.foundation.errors import InputError
from pipeline.modeling import devices, weights
from pipeline.modeling.checkpoints import Metrics, Progress
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.members import EPOCHS, METRICS, WEIGHTS
from pipeline.schema import label_table, metrics

OnEpoch = Callable[[int, Metrics], None]


@dataclass(frozen=True)
class Inputs:
    """The files that a training reads, and the checkpoint from which it resumes; a refit needs no folds."""

    crops: Path
    labels: Path
    folds: Path | None
    checkpoint: Path

    def photos(self) -> pd.DataFrame:
        """Labels, hashes and, with folds, fold of every training photo, in the order of the crops.

        A column `weight` of the labels is the weight of a photo in the loss.

        Raises:
            InputError: When a crop has no label or no fold.
        """
        crops = crop_files.hashes(self.crops, "train")
        labels = label_table.read(self.labels)
        if "weight" in labels:
            labels = label_table.read(self.labels, {"weight": "number"})
        photos = crops.merge(labels, on="path", how="left")
        if self.folds:
            folds = tables.read(self.folds, tables.FOLDS, unique="path")[["path", "fold"]]
            photos = photos.merge(folds, on="path", how="left")
        unmatched = photos.loc[photos.isna().any(axis=1), "path"]
        if len(unmatched):
            first = unmatched.iloc[0]
            raise InputError(
                f"{self.crops}: {len(unmatched)} crops without label or fold, first {first}; run `dvc repro`"
            )
        return photos.astype({"age": "int64"} | ({"fold": "int64"} if self.folds else {}))

    def eval_photos(self) -> pd.DataFrame:
        """Path and hashes of every eval photo, in the order of the crops; see `crop_files.hashes`."""
        return crop_files.hashes(self.crops, "eval")

    def train_crops(self) -> Packed:
        """Crops (n, height, width, 3) of the training photos, mapped into memory."""
        return crop_files.pixels(self.crops, "train")

    def eval_crops(self) -> Packed:
        """Crops (m, height, width, 3) of the eval photos, mapped into memory."""
        return crop_files.pixels(self.crops, "eval")


def held_out(photos: pd.DataFrame, fold: int) -> npt.NDArray[np.bool_]:
    """Whether each photo (n,) is in the fold.

    Raises:
        InputError: When no photo is, or all are.
    """
    rows = (photos["fold"] == fold).to_numpy()
    if not rows.any() or rows.all():
        raise InputError(f"params.yaml: train.folds: fold {fold} is not one of {sorted(set(photos['fold']))}")
    return rows


def launch(config: ModelConfig) -> Fabric:
    """Start one process per GPU, or continue in this process on a CPU.

    Each process runs the command from its beginning; only the one with `fabric.is_global_zero` writes files. `torchrun`
    has started the processes already, on one node or several.

    Raises:
        ModelConfigError: When the environment does not allow `deterministic` on a GPU.
    """
    devices.configure(config)
    count, nodes = devices.count(), devices.nodes()
    # processes exchange no gradients of a frozen backbone, or of layers behind its levels, and must not wait for them
    unused = config.frozen_epochs or config.levels
    strategy = "ddp_find_unused_parameters_true" if count * nodes > 1 and unused else "auto"
    fabric = Fabric(accelerator="auto", devices=count, num_nodes=nodes, precision=config.precision, strategy=strategy)
    fabric.launch()
    return fabric


def write(output: Path, progress: Progress, metadata: WeightsMetadata) -> None:
    """Write the kept weights with their metadata, epochs.csv (a row per epoch), and metrics.json of the kept epoch.

    `epoch_selected_on_val` in metrics.json is 1 when the held-out fold selected the epoch: its scores are optimistic.

    Args:
        output: The folder to write to.
        progress: The finished training.
        metadata: The metadata of the weights.
    """
    weights.save(output / WEIGHTS, progress.state, metadata, progress.validated)
    history = pd.DataFrame(progress.history)
    history.insert(0, "epoch", range(1, len(history) + 1))
    tables.write(history, output / EPOCHS)
    selected = {} if metadata.fold is None else {"epoch_selected_on_val": int(metadata.config.select != "last")}
    scores = _scores(progress.history[progress.best], metadata.fold is not None)
    metrics.write(output / METRICS, {"epoch": metadata.epoch} | selected | scores)


def _scores(measured: Metrics, held_out_fold: bool) -> Metrics:
    """The scores of the kept epoch under the names that the ensemble uses.

    Those of a refit start with `train_`, or with `photos_` if it held out a share of the photos.
    """
    part = "val" if "val_loss" in measured else "train"
    names = {
        f"{part}_macro_f1": "macro_f1",
        f"{part}_accuracy": "accuracy",
        f"{part}_loss": "loss",
        f"{part}_mae": "mae",
    }
    prefix = "" if held_out_fold else "photos_" if part == "val" else "train_"
    return {f"{prefix}{name}": measured[key] for key, name in names.items() if key in measured}
