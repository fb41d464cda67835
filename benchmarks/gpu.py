"""A training step on a GPU: batches through the loader, against one batch that stays on the GPU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from benchmarks.photos import config, fold_data
from benchmarks.timing import Result, compare
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.learner import Learner
from pipeline.modeling.loop import train_epoch

MODELS = (("efficientnet_b3", 224, 64), ("efficientnet_b4", 380, 32), ("resnet50", 224, 128))
STEPS = 20


def measure(_: Path | None) -> list[Result]:
    """Yield the rows of the table; none without a GPU."""
    return [_on_gpu(*model) for model in MODELS] if torch.cuda.is_available() else []


def _on_gpu(backbone: str, size: int, batch_size: int) -> Result:
    torch.cuda.reset_peak_memory_stats()
    found = steps(backbone, size, batch_size, Fabric(accelerator="cuda", devices=1, precision="bf16-mixed"))
    memory = torch.cuda.max_memory_allocated() / 2**30
    rate = STEPS * batch_size / found.ours
    return replace(found, note=f"{rate:.0f} photos/s, {memory:.1f} GiB, {torch.cuda.get_device_name()}")


def steps(backbone: str, size: int, batch_size: int, fabric: Fabric) -> Result:
    """Time the steps of one network in both ways, on the device of `fabric`."""
    model = config(
        backbone=backbone, image_size=size, batch_size=batch_size, precision="bf16-mixed", channels_last=True
    )
    packed = np.random.default_rng(0).integers(0, 256, (STEPS * batch_size, size, size, 3), dtype=np.uint8)
    data = fold_data(packed, model)
    learner = Learner.create(model, fabric)
    criterion, batches = Criterion(model, data, fabric.device), data.train_loader(data.training, model, (0, 1))
    photos = torch.from_numpy(packed[:batch_size]).to(fabric.device)
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


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
