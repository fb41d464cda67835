"""An epoch of training on the CPU: the pipeline's loop beside a plain one, and the loader's share of it."""

from pathlib import Path

import torch
from lightning_fabric import Fabric

from benchmarks import plain
from benchmarks.pictures import crops, entry, material, photographs_of
from benchmarks.timing import Result, compare
from pipeline.vision.criterion import Criterion
from pipeline.vision.learner import Learner
from pipeline.vision.loop import train_epoch

COUNT = 160


def measure(root: Path | None) -> list[Result]:
    paths = photographs_of(root, COUNT)
    rows = []
    for backbone, size in (("test_resnet", 72), ("resnet18", 96)):
        model = entry(backbone=backbone, image_size=size)
        made = material(crops(paths, size), model)
        learner = Learner.create(model, Fabric(accelerator="cpu", devices=1))
        criterion = Criterion(model, made, torch.device("cpu"))
        batches = made.to_learn(made.training, model, (0, 1))
        theirs, loop = plain.loader(paths, size, model.batch_size), plain.Plain(backbone)
        what = f"training epoch on CPU, {len(paths)} pictures, {backbone} at {size}"
        rows.append(
            compare(
                what,
                "1.3",
                lambda loop=loop, theirs=theirs: loop.epoch(theirs),
                lambda a=learner, b=batches, c=criterion: train_epoch(a, b, c, 0, []),
            )
        )
        share = compare(
            f"loader's share of that epoch, {backbone}",
            "under .05 (ratio: the loader's time of the epoch's)",
            lambda b=batches: list(b.at(0)),
            lambda a=learner, b=batches, c=criterion: train_epoch(a, b, c, 0, []),
        )
        rows.append(share)
    return rows
