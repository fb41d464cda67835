"""Stage train: one model on all folds but one, and its predictions of the fold that it has not seen."""

from pathlib import Path

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.members import OUT_OF_FOLD
from pipeline.modeling.training import Inputs, OnEpoch, run, write
from pipeline.schema import predictions


def train(inputs: Inputs, model: str, fold: int, config: ModelConfig, output: Path, on_epoch: OnEpoch) -> None:
    """Write weights, out_of_fold.csv, eval.csv, epochs.csv and metrics.json of the epoch with the best macro F1."""
    table = inputs.table()
    held_out = (table["fold"] == fold).to_numpy()
    if not held_out.any() or held_out.all():
        raise InputError(f"params.yaml: train.folds: fold {fold} is not one of {sorted(set(table['fold']))}")
    progress = run(inputs, table, held_out, config, config.epochs, on_epoch)
    write(inputs, output, progress, WeightsMetadata(model=model, fold=fold, epoch=progress.best + 1, config=config))
    predicted = {head: values.numpy() for head, values in progress.predictions.items()}
    predictions.write(output / OUT_OF_FOLD, table.loc[held_out, "path"], predicted)
    inputs.checkpoint.unlink(missing_ok=True)
