"""Stage refit: one model on all data, or on all but a share of the photos, for a given number of epochs.

The number is that of `refit.epochs`, or the mean of those that the model's folds kept: a split by person finds it. The
refit of a model of `refit.soup` is no training, but the mean of the weights of its folds.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset import assignment
from pipeline.formats.documents import read_numbers
from pipeline.foundation.code import PROJECT
from pipeline.foundation.processes import is_first
from pipeline.modeling import devices, soups, training
from pipeline.modeling.checkpoints import Checkpoint, Progress
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.loop import fit
from pipeline.modeling.members import METRICS, Member, require_files
from pipeline.modeling.training import Inputs, OnEpoch
from pipeline.modeling.weights import read_metadata
from pipeline.schema.schema import SCHEMA

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
    validation: float | None = None,
) -> None:
    """Train a model on all data, without a selection of the epoch.

    Writes weights.safetensors, epochs.csv and metrics.json (of training, or of the photos of `validation`).

    Args:
        inputs: Crops, labels, and the checkpoint, which is removed at the end.
        model: Name of the model in params.yaml.
        config: The model's configuration.
        models: Folder of all trained models.
        folds: The folds on which the model was trained; others in `models` are ignored.
        output: The folder to write to.
        on_epoch: Called after every epoch with its number, from 0, and its metrics.
        epochs: Number of epochs; by default the mean of the epochs that the folds kept.
        validation: Share of the photos of each class that is held out and scored; by default none.

    Raises:
        InputError: When a fold is not trained, a crop lacks a label, or the configuration does not fit the data.
    """
    if epochs is None:
        epochs = mean_kept_epoch([Member(models, model, fold) for fold in folds])
    photos = inputs.photos()
    fixed = config if validation is None else config.model_copy(update={"select": "last", "patience": None})

    fabric = training.launch(config)
    data = FoldData.of(photos, inputs.train_crops(), held_out(photos, validation, config.seed), config)
    checkpoint = Checkpoint.of(inputs.checkpoint, data, fixed, epochs, CODE)
    progress = fit(fixed, data, fabric, checkpoint, epochs, on_epoch)
    if not fabric.is_global_zero:
        return

    training.write(output, progress, WeightsMetadata(model=model, fold=None, epoch=epochs, config=config))
    checkpoint.remove()


def soup(
    inputs: Inputs,
    model: str,
    config: ModelConfig,
    models: Path,
    folds: Sequence[int],
    output: Path,
    on_epoch: OnEpoch,
) -> None:
    """Average the weights of a model's folds.

    Writes what a refit writes; epochs.csv has one row, with the scores of the mean on the photos of training. No person
    is unseen by all folds, so that a soup has no unbiased score, and the folds' out-of-fold scores stand for it.

    Args:
        inputs, model, config, models, folds, output, on_epoch: As those of `refit`.

    Raises:
        InputError: When a fold is not trained, a crop lacks a label, or the mean is worse than the folds.
    """
    members = [Member(models, model, fold) for fold in folds]
    epochs = mean_kept_epoch(members)
    photos = inputs.photos()
    if not is_first():
        return

    devices.configure(config)
    data = FoldData.of(photos, inputs.train_crops(), held_out(photos, None, config.seed), config)
    network = soups.uniform([member.weights for member in members])
    measured = {"learning_rate": 0.0} | soups.measure(network, data, config)
    scores = [read_numbers(member.folder / METRICS, "run `dvc repro`")["macro_f1"] for member in members]
    soups.require_worth(measured["train_macro_f1"], scores, model)
    on_epoch(0, measured)
    progress = Progress([measured], 0, {name: tensor.cpu() for name, tensor in network.state_dict().items()})
    training.write(output, progress, WeightsMetadata(model=model, fold=None, epoch=epochs, config=config))


def held_out(photos: pd.DataFrame, validation: float | None, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each photo (n,) belongs to the share that is held out by photo: people are on both sides."""
    if validation is None:
        return np.zeros(len(photos), dtype=np.bool_)
    return assignment.held_out(SCHEMA.codes(photos), validation, seed)


def mean_kept_epoch(members: Sequence[Member]) -> int:
    """Mean of the epochs that the members of a model's folds kept, rounded."""
    require_files([member.weights for member in members])
    return round(float(np.mean([read_metadata(member.weights).epoch for member in members])))
