"""Stage refit: one model once more, on everybody, for the number of epochs that its folds found best."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.members import Member, remove_leftovers, require
from pipeline.modeling.training import Inputs, OnEpoch, run, write
from pipeline.modeling.weights import read_metadata


def refit(
    inputs: Inputs, model: str, config: ModelConfig, models: Path, folds: Sequence[int], output: Path, on_epoch: OnEpoch
) -> None:
    """Write weights, eval.csv, epochs.csv and metrics.json; `folds` are those that the model was trained on."""
    trained = [Member(models, model, fold) for fold in folds]
    remove_leftovers(models / model / "folds", [member.folder for member in trained])
    epochs = best_epochs(trained)
    table = inputs.table()
    progress = run(inputs, table, np.zeros(len(table), dtype=np.bool_), config, epochs, on_epoch)
    write(inputs, output, progress, WeightsMetadata(model=model, fold=None, epoch=epochs, config=config))
    inputs.checkpoint.unlink(missing_ok=True)


def best_epochs(trained: Sequence[Member]) -> int:
    """Mean of the best epochs of a model's trained folds, rounded."""
    require(trained)
    return round(float(np.mean([read_metadata(member.weights).epoch for member in trained])))
