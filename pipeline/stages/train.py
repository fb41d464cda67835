"""Stage train: one model on all folds but one."""

from pathlib import Path

from pipeline.foundation.code import PROJECT
from pipeline.modeling import leaks, training
from pipeline.modeling.checkpoints import Checkpoint
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.loop import fit
from pipeline.modeling.training import Inputs, OnEpoch

CODE = Path(__file__).relative_to(PROJECT)


def train(inputs: Inputs, model: str, fold: int, config: ModelConfig, output: Path, on_epoch: OnEpoch) -> None:
    """Train a model on all folds but one, which it validates on.

    Writes weights.safetensors, epochs.csv and metrics.json. A killed training resumes from
    its checkpoint and ends with the same bytes.

    Args:
        inputs: Crops, labels, folds, and the checkpoint, which is removed at the end.
        model: Name of the model in params.yaml.
        fold: The fold to hold out.
        config: The model's configuration.
        output: The folder to write to.
        on_epoch: Called after every epoch with its number, from 0, and its metrics.

    Raises:
        InputError: When there is no such fold, a crop lacks a label, or the configuration does not fit the data.
    """
    photos = inputs.photos()
    held_out = training.held_out(photos, fold)

    fabric = training.launch(config)
    crops = inputs.train_crops()
    leaks.report(photos, held_out)
    data = FoldData.of(photos, crops, held_out, config)
    checkpoint = Checkpoint.of(inputs.checkpoint, data, config, config.epochs, CODE)
    progress = fit(config, data, fabric, checkpoint, config.epochs, on_epoch)
    if not fabric.is_global_zero:
        return

    training.write(output, progress, WeightsMetadata(model=model, fold=fold, epoch=progress.best + 1, config=config))
    checkpoint.remove()
