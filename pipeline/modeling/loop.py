"""The training loop, the same for every model configuration."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from time import perf_counter

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.foundation.errors import ModelConfigError
from pipeline.foundation.progress import watch
from pipeline.modeling import resources
from pipeline.modeling.checkpoints import Checkpoint, Metrics, Progress
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import EvalOutput, TTAOutputs, features, gathered, predict
from pipeline.modeling.learner import Learner
from pipeline.modeling.loader import Loader
from pipeline.modeling.mixing import Batch, mix


def fit(
    config: ModelConfig,
    data: FoldData,
    fabric: Fabric,
    checkpoint: Checkpoint,
    epochs: int,
    on_epoch: Callable[[int, Metrics], None],
) -> Progress:
    """Train for a number of epochs, resuming from the checkpoint.

    All random numbers depend only on the seed, the epoch, the step and the row, so a resumed training ends with the
    same result. The learning rate schedule spans `config.total_epochs`, whatever `epochs` is.

    Args:
        config: The model's configuration.
        data: Crops, targets, and the rows of training and validation; without validation rows the last epoch is kept.
        fabric: The launched processes.
        checkpoint: Written after every epoch.
        epochs: Number of epochs; `config.patience` may end the training earlier.
        on_epoch: Called after every epoch with its number, from 0, and its metrics, and for every epoch of a restored
            checkpoint. Only the metrics of epochs trained by this process include `images_per_second`.

    Returns:
        The metrics of every epoch, and the kept epoch with its weights.

    Raises:
        ModelConfigError: When the loss is not finite, or the GPU or the machine runs out of memory.
    """
    torch.manual_seed(config.seed)
    learner = Learner.create(config, fabric)
    criterion = Criterion(config, data, fabric.device)
    progress = checkpoint.restore(learner.states())
    if config.is_probe:
        with resources.explained(config):
            data = replace(data, crops=features(learner.eval_network, data.crops, config, fabric))
    shard = (fabric.global_rank, fabric.world_size)
    batches = data.train_loader(data.training, config, shard)
    val_batches = data.val_loader(data.validation, config, shard) if len(data.validation) else None
    if fabric.is_global_zero:
        learner.check_average(epochs * len(batches))

    for epoch in range(epochs):
        throughput: Metrics = {}
        if epoch >= len(progress.history):
            if progress.epochs_since_best >= (config.patience or epochs):
                break
            with resources.explained(config):
                throughput = run_epoch(learner, batches, val_batches, criterion, (epoch, epochs), progress)
            if fabric.is_global_zero:
                checkpoint.save(learner.states(), progress)
        on_epoch(epoch, progress.history[epoch] | throughput)

    if config.last_epochs_on_validation and len(data.finishing) > 1:
        progress.validated = progress.state
        learner.load_weights(progress.state)
        with resources.explained(config):
            progress.state = finish(learner, data.train_loader(data.finishing, config, shard), criterion, progress)
    return progress


def run_epoch(
    learner: Learner,
    batches: Loader,
    val_batches: Loader | None,
    criterion: Criterion,
    position: tuple[int, int],
    progress: Progress,
) -> Metrics:
    """Train and validate for one epoch, and add it to the progress.

    Args:
        learner: The network in training.
        batches: Training batches.
        val_batches: Batches of the held-out fold, if there is one.
        criterion: Loss and metrics.
        position: The epoch, from 0, and the number of epochs.
        progress: The progress of the training.

    Returns:
        The throughput of training, `images_per_second`; it is logged, but never part of a result.
    """
    config, (epoch, epochs), started = learner.config, position, perf_counter()
    trained = train_epoch(learner, batches, criterion, epoch, progress.history)
    measured = {"learning_rate": learner.learning_rate} | criterion.measure("train", trained)
    throughput = {"images_per_second": len(trained.rows) / (perf_counter() - started)}
    learner.average_epoch(epochs - 1 - epoch, batches.at(epoch))
    if val_batches is not None:
        validated = predict(learner.eval_network, val_batches, config, TTA(), learner.fabric)
        measured |= criterion.measure("val", validated)
        measured |= progress.best_and_gaps(measured)
    if progress.is_better(measured, config.select):
        progress.keep(epoch, learner.snapshot())
    _require_finite(measured, epoch, config)
    progress.history.append(measured)
    return throughput


def finish(learner: Learner, batches: Loader, criterion: Criterion, progress: Progress) -> dict[str, Tensor]:
    """Train the last epochs on the held-out fold; returns the weights after them."""
    for epoch in range(learner.config.epochs, learner.config.total_epochs):
        train_epoch(learner, batches, criterion, epoch, progress.history)
    return learner.snapshot()


def train_epoch(
    learner: Learner, batches: Loader, criterion: Criterion, epoch: int, history: list[Metrics]
) -> EvalOutput:
    """Train on every batch once; returns the outputs that the network gave during training."""
    config, fabric = learner.config, learner.fabric
    torch.manual_seed(config.seed + epoch)
    learner.set_training(epoch)
    parts = []
    for step, (images, rows) in enumerate(
        watch(batches.at(epoch), f"epoch {epoch + 1}/{config.total_epochs}", len(batches))
    ):
        learner.set_learning_rate(epoch + (step + 0.5) / len(batches), history)
        images, rows = (part.to(fabric.device, non_blocking=True) for part in (images, rows))
        seed = (config.seed, epoch, step + 1, fabric.global_rank)
        batch = mix(images, rows, config, seed, batches.partners)
        parts += backward(learner, criterion, batch, epoch)
        if config.sam is not None:
            back = learner.climb()
            backward(learner, criterion, batch, epoch)
            back()
        learner.step(epoch * len(batches) + step + 1)
    learner.share_buffers()
    return EvalOutput.of(gathered(TTAOutputs.joined(parts), fabric), config, TTA())


def backward(learner: Learner, criterion: Criterion, batch: Batch, epoch: int) -> list[TTAOutputs]:
    """Add the gradients of a batch, part by part; returns the outputs of every part."""
    fabric, found = learner.fabric, []
    micro_batches = batch.micro_batches(learner.config.accumulate)
    for number, part in enumerate(micro_batches, start=1):
        # processes may have different numbers of micro-batches: they synchronise only at the last one
        with fabric.no_backward_sync(learner.model, enabled=number < len(micro_batches)):
            outputs = learner.model(part.images)
            fabric.backward(criterion.mixed_loss(outputs, part, epoch) * (len(part.rows) / len(batch.rows)))
        found.append(TTAOutputs(part.rows, {name: out.detach().unsqueeze(1) for name, out in outputs.items()}))
    return found


def _require_finite(measured: Metrics, epoch: int, config: ModelConfig) -> None:
    part = "val" if "val_loss" in measured else "train"
    loss = measured[f"{part}_loss"]
    if not isfinite(loss):
        raise ModelConfigError(
            f"epoch {epoch + 1}: {part}_loss is {loss}, the training has diverged; lower "
            f"optimizer.learning_rate {config.optimizer.at(epoch).learning_rate:g}, or set clip, or precision: 32-true"
        )
