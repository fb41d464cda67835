"""Stage refit: one model on all data, for a given number of epochs or the mean of those that its folds kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.foundation.code import PROJECT
from pipeline.modeling import training
from pipeline.modeling.checkpoints import Checkpoint
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.loop import fit
from pipeline.modeling.members import Member, require_files
from pipeline.modeling.training import Inputs, OnEpoch
from pipeline.modeling.weights import read_metadata

CODE = Path(__file__).relative_to(PROJECT)


def refit(
    inputs: Inputs,
    model: str,
    config: ModelConfig,
    models: Path,
    folds: Sequence[int],
    output: Path,
    on_epoch: OnEpoch,
    epochs: int | None = None,
) -> None:
    """Train a model on all data, without validation.

    Writes weights.safetensors, epochs.csv and metrics.json (of training).

    Args:
        inputs: Crops, labels, folds, and the checkpoint, which is removed at the end.
        model: Name of the model in params.yaml.
        config: The model's configuration.
        models: Folder of all trained models.
        folds: The folds on which the model was trained; others in `models` are ignored.
        output: The folder to write to.
        on_epoch: Called after every epoch with its number, from 0, and its metrics.
        epochs: Number of epochs; by default the mean of the epochs that the folds kept.

    Raises:
        InputError: When a fold is not trained, a crop lacks a label, or the configuration does not fit the data.
    """
    if epochs is None:
        epochs = mean_kept_epoch([Member(models, model, fold) for fold in folds])
    photos = inputs.photos()
    nobody = np.zeros(len(photos), dtype=np.bool_)

    fabric = training.launch(config)
    data = FoldData.of(photos, inputs.train_crops(), nobody, config)
    checkpoint = Checkpoint.of(inputs.checkpoint, data, config, epochs, CODE)
    progress = fit(config, data, fabric, checkpoint, epochs, on_epoch)
    if not fabric.is_global_zero:
        return

    training.write(output, progress, WeightsMetadata(model=model, fold=None, epoch=epochs, config=config))
    checkpoint.remove()


def mean_kept_epoch(members: Sequence[Member]) -> int:
    """Mean of the epochs that the members of a model's folds kept, rounded."""
    require_files([member.weights for member in members])
    return round(float(np.mean([read_metadata(member.weights).epoch for member in members])))
