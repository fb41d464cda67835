"""A training epoch on the CPU: the pipeline's loop against a plain one, and the loader's share of the time."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric

from benchmarks import plain
from benchmarks.photos import config, crops, fold_data, photos_of
from benchmarks.timing import Result, compare
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.learner import Learner
from pipeline.modeling.loader import Loader
from pipeline.modeling.loop import train_epoch

COUNT = 160
MODELS = (("test_resnet", 72), ("resnet18", 96), ("efficientnet_b0", 96))


def measure(root: Path | None) -> list[Result]:
    paths = photos_of(root, COUNT)
    rows = []
    for backbone, size in MODELS:
        model = config(backbone=backbone, image_size=size)
        data = fold_data(crops(paths, size), model)
        learner = Learner.create(model, Fabric(accelerator="cpu", devices=1))
        criterion = Criterion(model, data, torch.device("cpu"))
        batches = data.train_loader(data.training, model, (0, 1))
        theirs, loop = plain.loader(paths, size, model.batch_size), plain.Plain(backbone)
        ours = partial(train_epoch, learner, batches, criterion, 0, [])
        what = f"training epoch on CPU, {len(paths)} photos, {backbone} at {size}"
        found = compare(what, "1.3; loader's share under 5 %", partial(loop.epoch, theirs), ours)
        delivered = compare("", "", ours, partial(_deliver, batches), rounds=1)
        note = f"loader's share of the epoch {1 / delivered.ratios[0]:.1%}"
        rows.append(replace(found, note=note))
    return rows


def _deliver(batches: Loader) -> None:
    for _ in batches.at(0):
        pass
