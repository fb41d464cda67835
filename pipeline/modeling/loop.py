"""The training loop: one visible page, the same for every entry."""

from collections.abc import Callable
from math import isfinite
from time import perf_counter

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.foundation.errors import EntryError
from pipeline.foundation.progress import watch
from pipeline.modeling.checkpoints import Checkpoint, Metrics, Progress
from pipeline.modeling.config import Model, Views
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import Material
from pipeline.modeling.inference import Answers, Looks, answer, gathered
from pipeline.modeling.learner import Learner
from pipeline.modeling.loader import Loader
from pipeline.modeling.mixing import mix


def fit(
    entry: Model,
    material: Material,
    fabric: Fabric,
    checkpoint: Checkpoint,
    epochs: int,
    on_epoch: Callable[[int, Metrics], None],
) -> Progress:
    """Train for `epochs`, continuing from the checkpoint; keep the epoch that `select` finds best in validation.

    Without validation rows the last epoch is kept. The learning rate follows `entry.course` whatever `epochs` is:
    a refit that ends early has walked the same course. Resumed or not, the result is the same, because every
    random draw depends on the seed, the epoch, the step and the row alone. `on_epoch` also hears how many pictures a
    second were learnt from, unless the epoch was one of the checkpoint's. Raises `EntryError` when the loss is no
    number any more.
    """
    torch.manual_seed(entry.seed)
    learner = Learner.create(entry, fabric)
    criterion = Criterion(entry, material, fabric.device)
    progress = checkpoint.restore(learner.states())
    share = (fabric.global_rank, fabric.world_size)
    batches = material.to_learn(material.training, entry, share)
    held_out = material.to_predict(material.validation, entry, share) if len(material.validation) else None

    for epoch in range(epochs):
        pace: Metrics = {}
        if epoch >= len(progress.history):
            if progress.waited >= (entry.patience or epochs):
                break
            pace = run_epoch(learner, batches, held_out, criterion, epoch, progress)
            if fabric.is_global_zero:
                checkpoint.save(learner.states(), progress)
        on_epoch(epoch, progress.history[epoch] | pace)

    if entry.last_epochs_on_validation and len(material.finishing) > 1:
        learner.go_back(progress.state)
        progress.state = finish(learner, material.to_learn(material.finishing, entry, share), criterion, progress)
    return progress


def run_epoch(
    learner: Learner, batches: Loader, held_out: Loader | None, criterion: Criterion, epoch: int, progress: Progress
) -> Metrics:
    """Train and judge once more, and note it in the progress; returns the pace, of which no result may depend."""
    entry, started = learner.entry, perf_counter()
    seen = train_epoch(learner, batches, criterion, epoch, progress.history)
    measured = {"learning_rate": learner.rate} | criterion.measure("train", seen)
    pace = {"pictures_per_second": len(seen.rows) / (perf_counter() - started)}
    if held_out is None:
        progress.keep(epoch, learner.kept(), {})
    else:
        answers = answer(learner.judged, held_out, entry, learner.fabric)
        measured |= criterion.measure("validation", answers)
        if progress.is_better(measured, entry.select):
            progress.keep(epoch, learner.kept(), answers.predictions)
    _require_finite(measured, epoch, entry)
    progress.history.append(measured)
    return pace


def finish(learner: Learner, batches: Loader, criterion: Criterion, progress: Progress) -> dict[str, Tensor]:
    """The weights after the last epochs, on the validation people; what was predicted of them stays from before."""
    for epoch in range(learner.entry.epochs, learner.entry.course):
        train_epoch(learner, batches, criterion, epoch, progress.history)
    return learner.kept()


def train_epoch(learner: Learner, batches: Loader, criterion: Criterion, epoch: int, history: list[Metrics]) -> Answers:
    """One pass over the training rows; returns what the network said on the way."""
    entry, fabric = learner.entry, learner.fabric
    torch.manual_seed(entry.seed + epoch)
    learner.model.train()
    said = []
    for step, (pictures, rows) in enumerate(
        watch(batches.at(epoch), f"epoch {epoch + 1}/{entry.course}", len(batches))
    ):
        learner.set_rate(epoch + (step + 0.5) / len(batches), history)
        pictures, rows = (part.to(fabric.device, non_blocking=True) for part in (pictures, rows))
        batch = mix(pictures, rows, entry, (entry.seed, epoch, step + 1, fabric.global_rank))
        pieces = batch.pieces(entry.accumulate)
        for number, piece in enumerate(pieces, start=1):
            # processes with shares of unequal size may have other numbers of pieces: they meet at the last one alone
            with fabric.no_backward_sync(learner.model, enabled=number < len(pieces)):
                outputs = learner.model(piece.pictures)
                fabric.backward(criterion.mixed(outputs, piece) * (len(piece.rows) / len(batch.rows)))
            said.append(Looks(piece.rows, {name: out.detach().unsqueeze(1) for name, out in outputs.items()}))
        learner.step(epoch * len(batches) + step + 1)
    learner.share_buffers()
    return Answers.of(gathered(Looks.joined(said), fabric), entry, Views())


def _require_finite(measured: Metrics, epoch: int, entry: Model) -> None:
    part = "validation" if "validation_loss" in measured else "train"
    loss = measured[f"{part}_loss"]
    if not isfinite(loss):
        raise EntryError(
            f"epoch {epoch + 1}: the loss in {part} is {loss}, the training has diverged; lower "
            f"optimizer.learning_rate {entry.optimizer.learning_rate:g}, or set clip, or precision: 32-true"
        )
