"""The training loop: one visible page, the same for every entry."""

from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from timm.optim import create_optimizer_v2
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.entries import Model
from pipeline.progress import watch
from pipeline.vision.checkpoints import Checkpoint, Metrics, Progress
from pipeline.vision.criterion import Criterion, Material
from pipeline.vision.examples import Batches, Loader, loader
from pipeline.vision.inference import Answers, answer, probabilities
from pipeline.vision.network import Network
from pipeline.vision.schedules import factor


def fit(
    entry: Model,
    material: Material,
    fabric: Fabric,
    checkpoint: Checkpoint,
    epochs: int,
    on_epoch: Callable[[int, Metrics], None],
) -> Progress:
    """Train for `epochs`, continuing from the checkpoint; keep the epoch with the best macro F1 in validation.

    Without validation rows the last epoch is kept. The learning rate follows `entry.epochs` whatever `epochs` is:
    a refit that ends early has walked the same course. Resumed or not, the result is the same, because every
    random draw depends on the seed, the epoch and the row alone.
    """
    torch.manual_seed(entry.seed)
    network = Network(entry, pretrained=entry.pretrained)
    model, optimizer = fabric.setup(network, _optimizer(entry, network))
    progress = checkpoint.restore(network, optimizer)
    criterion = Criterion(entry, material, fabric.device)
    share = (fabric.global_rank, fabric.world_size)
    order = Batches(material.training, entry.batch_size, entry.seed, share)
    batches = loader(material.crops, entry, order, training=True)
    held_out = loader(
        material.crops, entry, Batches(material.validation, 2 * entry.batch_size, share=share), training=False
    )

    for epoch in range(epochs):
        if epoch >= len(progress.history):
            order.set_epoch(epoch)
            torch.manual_seed(entry.seed + epoch)
            seen = train_epoch(model, optimizer, batches, criterion, entry, fabric, epoch)
            measured = {"learning_rate": _rate(optimizer)} | criterion.measure("train", seen)
            if len(material.validation):
                answers = answer(network, held_out, entry, fabric)
                measured |= criterion.measure("validation", answers)
                _keep_best(progress, measured, network, answers)
            else:
                progress.best, progress.state = epoch, _copy(network)
            progress.history.append(measured)
            if fabric.is_global_zero:
                checkpoint.save(network, optimizer, progress)
        on_epoch(epoch, progress.history[epoch])
    return progress


def train_epoch(
    model: nn.Module,
    optimizer: Optimizer,
    batches: Loader,
    criterion: Criterion,
    entry: Model,
    fabric: Fabric,
    epoch: int,
) -> Answers:
    """One pass over the training rows; returns what the network said on the way."""
    model.train()
    seen: list[Answers] = []
    for step, (pictures, rows) in enumerate(watch(batches, f"epoch {epoch + 1}/{entry.epochs}", len(batches))):
        for group in optimizer.param_groups:
            group["lr"] = entry.optimizer.learning_rate * factor(
                entry.schedule, epoch + (step + 0.5) / len(batches), entry.epochs
            )
        outputs = model(pictures.to(fabric.device, non_blocking=True))
        fabric.backward(criterion.loss(outputs, rows.to(fabric.device, non_blocking=True)))
        optimizer.step()
        optimizer.zero_grad()
        said = {name: output.detach() for name, output in outputs.items()}
        seen.append(Answers(rows, said, probabilities(said, entry)))
    return Answers.joined(seen)


def _optimizer(entry: Model, network: Network) -> Optimizer:
    settings = entry.optimizer
    optimizer: Optimizer = create_optimizer_v2(
        network,
        opt=settings.name,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
    )
    return optimizer


def _keep_best(progress: Progress, measured: Metrics, network: Network, answers: Answers) -> None:
    if progress.best < 0 or measured["validation_f1"] > progress.history[progress.best]["validation_f1"]:
        progress.best, progress.state = len(progress.history), _copy(network)
        progress.predictions = answers.predictions


def _copy(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def _rate(optimizer: Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])
