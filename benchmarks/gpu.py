"""A training step on a GPU: through the loader against one batch that stays there, and what determinism costs."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from benchmarks.photos import config, fold_data
from benchmarks.timing import Result, compare
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.devices import CUBLAS, REPRODUCIBLE_CUBLAS
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.learner import Learner
from pipeline.modeling.loop import train_epoch

MODELS = (("efficientnet_b3", 224, 64), ("efficientnet_b4", 380, 32), ("resnet50", 224, 128))
STEPS = 20


def measure(_: Path | None) -> list[Result]:
    """The rows of the table; none without a GPU."""
    os.environ.setdefault(CUBLAS, REPRODUCIBLE_CUBLAS[0])
    on_gpu = MODELS if torch.cuda.is_available() else ()
    return [row for model in on_gpu for row in (_on_gpu(*model), deterministic(*model, _gpu()))]


def _on_gpu(backbone: str, size: int, batch_size: int) -> Result:
    torch.cuda.reset_peak_memory_stats()
    found = steps(backbone, size, batch_size, _gpu())
    memory = torch.cuda.max_memory_allocated() / 2**30
    rate = STEPS * batch_size / found.ours
    return replace(found, note=f"{rate:.0f} photos/s, {memory:.1f} GiB, {torch.cuda.get_device_name()}")


def steps(backbone: str, size: int, batch_size: int, fabric: Fabric) -> Result:
    """Time the steps of one network in both ways, on the device of `fabric`."""
    model, data, learner = _training(backbone, size, batch_size, fabric)
    criterion, batches = Criterion(model, data, fabric.device), data.train_loader(data.training, model, (0, 1))
    photos = torch.from_numpy(np.stack([data.crops[row] for row in range(batch_size)])).to(fabric.device)
    rows = torch.arange(batch_size, device=fabric.device)

    def resident() -> None:
        learner.model.train()
        for step in range(STEPS):
            fabric.backward(criterion.loss(learner.model(photos), rows))
            learner.step(step + 1)
        _wait(fabric.device)

    def ours() -> None:
        train_epoch(learner, batches, criterion, 0, [])
        _wait(fabric.device)

    return compare(f"GPU, {STEPS} steps of {batch_size}, {backbone} at {size}", ".95", resident, ours)


def deterministic(backbone: str, size: int, batch_size: int, fabric: Fabric) -> Result:
    """Time the steps of one network with torch's deterministic algorithms, and without."""
    model, data, learner = _training(backbone, size, batch_size, fabric)
    criterion, batches = Criterion(model, data, fabric.device), data.train_loader(data.training, model, (0, 1))

    def epoch(only_deterministic: bool) -> Callable[[], None]:
        def run() -> None:
            torch.use_deterministic_algorithms(only_deterministic)
            train_epoch(learner, batches, criterion, 0, [])
            _wait(fabric.device)
            torch.use_deterministic_algorithms(False)

        return run

    work = f"GPU, {STEPS} steps of {batch_size}, {backbone} at {size}, `deterministic: true` against false"
    return compare(work, "", epoch(False), epoch(True))


def _training(backbone: str, size: int, batch_size: int, fabric: Fabric) -> tuple[ModelConfig, FoldData, Learner]:
    """A network on the device of `fabric`, and noise for an epoch of its training."""
    model = config(
        backbone=backbone, image_size=size, batch_size=batch_size, precision="bf16-mixed", channels_last=True
    )
    packed = np.random.default_rng(0).integers(0, 256, (STEPS * batch_size, size, size, 3), dtype=np.uint8)
    return model, fold_data(packed, model), Learner.create(model, fabric)


def _gpu() -> Fabric:
    return Fabric(accelerator="cuda", devices=1, precision="bf16-mixed")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
