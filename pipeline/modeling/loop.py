"""The training loop: one visible page, the same for every config."""

from collections.abc import Callable
from math import isfinite
from time import perf_counter

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.foundation.errors import EntryError
from pipeline.foundation.progress import watch
from pipeline.modeling.checkpoints import Checkpoint, Metrics, Progress
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import EvalOutput, TTAOutputs, answer, gathered
from pipeline.modeling.learner import Learner
from pipeline.modeling.loader import Loader
from pipeline.modeling.mixing import mix


def fit(
    config: ModelConfig,
    fold_data: FoldData,
    fabric: Fabric,
    checkpoint: Checkpoint,
    epochs: int,
    on_epoch: Callable[[int, Metrics], None],
) -> Progress:
    """Train for `epochs`, continuing from the checkpoint; keep the epoch that `select` finds best in validation.

    Without validation rows the last epoch is kept. The learning rate follows `config.total_epochs` whatever
    `epochs` is: a refit that ends early has walked the same course. Resumed or not, the result is the
    same, because every random draw depends on the seed, the epoch, the step and the row alone. `on_epoch` also gets
    the images per second of training, unless the epoch was one of the checkpoint's. Raises `EntryError` when the
    loss is not finite.
    """
    torch.manual_seed(config.seed)
    learner = Learner.create(config, fabric)
    criterion = Criterion(config, fold_data, fabric.device)
    progress = checkpoint.restore(learner.states())
    share = (fabric.global_rank, fabric.world_size)
    batches = fold_data.train_loader(fold_data.training, config, share)
    held_out = fold_data.val_loader(fold_data.validation, config, share) if len(fold_data.validation) else None

    for epoch in range(epochs):
        pace: Metrics = {}
        if epoch >= len(progress.history):
            if progress.waited >= (config.patience or epochs):
                break
            pace = run_epoch(learner, batches, held_out, criterion, epoch, progress)
            if fabric.is_global_zero:
                checkpoint.save(learner.states(), progress)
        on_epoch(epoch, progress.history[epoch] | pace)

    if config.last_epochs_on_validation and len(fold_data.finishing) > 1:
        learner.go_back(progress.state)
        progress.state = finish(
            learner, fold_data.train_loader(fold_data.finishing, config, share), criterion, progress
        )
    return progress


def run_epoch(
    learner: Learner, batches: Loader, held_out: Loader | None, criterion: Criterion, epoch: int, progress: Progress
) -> Metrics:
    """Train and judge once more, and note it in the progress; returns the pace, of which no result may depend."""
    config, started = learner.config, perf_counter()
    seen = train_epoch(learner, batches, criterion, epoch, progress.history)
    measured = {"learning_rate": learner.rate} | criterion.measure("train", seen)
    pace = {"images_per_second": len(seen.rows) / (perf_counter() - started)}
    if held_out is None:
        progress.keep(epoch, learner.kept(), {})
    else:
        answers = answer(learner.judged, held_out, config, learner.fabric)
        measured |= criterion.measure("val", answers)
        if progress.is_better(measured, config.select):
            progress.keep(epoch, learner.kept(), answers.predictions)
    _require_finite(measured, epoch, config)
    progress.history.append(measured)
    return pace


def finish(learner: Learner, batches: Loader, criterion: Criterion, progress: Progress) -> dict[str, Tensor]:
    """The weights after the last epochs, on the validation people; what was predicted of them stays from before."""
    for epoch in range(learner.config.epochs, learner.config.total_epochs):
        train_epoch(learner, batches, criterion, epoch, progress.history)
    return learner.kept()


def train_epoch(
    learner: Learner, batches: Loader, criterion: Criterion, epoch: int, history: list[Metrics]
) -> EvalOutput:
    """One pass over the training rows; returns what the network said on the way."""
    config, fabric = learner.config, learner.fabric
    torch.manual_seed(config.seed + epoch)
    learner.model.train()
    said = []
    for step, (images, rows) in enumerate(
        watch(batches.at(epoch), f"epoch {epoch + 1}/{config.total_epochs}", len(batches))
    ):
        learner.set_rate(epoch + (step + 0.5) / len(batches), history)
        images, rows = (part.to(fabric.device, non_blocking=True) for part in (images, rows))
        batch = mix(images, rows, config, (config.seed, epoch, step + 1, fabric.global_rank))
        pieces = batch.pieces(config.accumulate)
        for number, piece in enumerate(pieces, start=1):
            # processes with shares of unequal size may have other numbers of pieces: they meet at the last one alone
            with fabric.no_backward_sync(learner.model, enabled=number < len(pieces)):
                outputs = learner.model(piece.images)
                fabric.backward(criterion.mixed(outputs, piece) * (len(piece.rows) / len(batch.rows)))
            said.append(TTAOutputs(piece.rows, {name: out.detach().unsqueeze(1) for name, out in outputs.items()}))
        learner.step(epoch * len(batches) + step + 1)
    learner.share_buffers()
    return EvalOutput.of(gathered(TTAOutputs.joined(said), fabric), config, TTA())


def _require_finite(measured: Metrics, epoch: int, config: ModelConfig) -> None:
    part = "val" if "val_loss" in measured else "train"
    loss = measured[f"{part}_loss"]
    if not isfinite(loss):
        raise EntryError(
            f"epoch {epoch + 1}: {part}_loss is {loss}, the training has diverged; lower "
            f"optimizer.learning_rate {config.optimizer.at(epoch).learning_rate:g}, or set clip, or precision: 32-true"
        )
