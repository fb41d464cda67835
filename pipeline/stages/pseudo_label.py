"""Stage pseudo_label: one model on all folds but one and on the eval photos that its first training labelled."""

from pathlib import Path

import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.code import PROJECT
from pipeline.foundation.processes import is_first
from pipeline.foundation.terminal import log
from pipeline.modeling import leaks, pseudo_labels, training
from pipeline.modeling.checkpoints import Checkpoint
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.loop import fit
from pipeline.modeling.pseudo_labels import Teacher
from pipeline.modeling.training import Inputs, OnEpoch

CODE = Path(__file__).relative_to(PROJECT)


def pseudo_label(
    inputs: Inputs,
    teacher: Teacher,
    model: str,
    fold: int,
    config: ModelConfig,
    output: Path,
    on_epoch: OnEpoch,
) -> None:
    """Train a model from the start on its training photos and on pseudo-labelled eval photos.

    Writes what the stage `train` writes, and pseudo_labels.csv: the eval photos that joined, with label, probability
    and weight.

    Args:
        inputs: Crops, labels, folds, and the checkpoint, which is removed at the end.
        teacher: The eval predictions of the same model and fold, and which of them become labels.
        model, fold, config, output, on_epoch: As those of the stage `train`.

    Raises:
        InputError: When there is no such fold, a crop lacks a label, the teacher predicted other photos or heads, or
            the configuration does not fit the data.
    """
    photos = inputs.photos()
    held_out = training.held_out(photos, fold)
    evaluated = inputs.eval_photos()
    paths = list(evaluated["path"])
    labels = teacher.labels(paths, config.heads)
    soft_targets = teacher.soft_targets(paths, labels["row"].to_numpy())
    labels = labels.join(evaluated.drop(columns="path"), on="row")
    _report(labels, len(evaluated))

    fabric = training.launch(config)
    joined = pseudo_labels.join(photos, inputs.train_crops(), held_out, labels, inputs.eval_crops())
    leaks.report(joined[0], joined[2])
    data = FoldData.of(*joined, config, soft_targets)
    checkpoint = Checkpoint.of(inputs.checkpoint, data, config, config.epochs, CODE)
    progress = fit(config, data, fabric, checkpoint, config.epochs, on_epoch)
    if not fabric.is_global_zero:
        return

    training.write(output, progress, WeightsMetadata(model=model, fold=fold, epoch=progress.best + 1, config=config))
    tables.write(labels[list(pseudo_labels.COLUMNS)], output / "pseudo_labels.csv")
    checkpoint.remove()


def _report(labels: pd.DataFrame, photos: int) -> None:
    """Print how many eval photos join, and of which classes."""
    if not is_first():
        return
    if labels.empty:
        log("no eval photo joins: this training equals that of the stage train; raise pseudo_label.share")
        return
    counts = ", ".join(f"{label} {count}" for label, count in labels["label"].value_counts(sort=False).items())
    log(f"{len(labels):,} of {photos:,} eval photos join as pseudo labels: {counts}")
