"""Ten million photos on a cluster, simulated from rates measured on one machine.

    python -m benchmarks.scale

Every shard of crops is a task: it waits for a free node, starts, pulls its photos through the share of the store
that it gets, and cuts them. An epoch of training waits for the slowest of its nodes, whose speeds differ, and for the
exchange of gradients.
"""

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

PHOTOS = 10_000_000
SPREAD = 0.1  # of the speed of nodes and tasks
SEED = 777
CROP, PREVIEW = 224 * 224 * 3, 1_530  # bytes of a crop; of its preview, the mean of 96 real ones
ARCHIVED, LABELS, FOLDS, INDEX, PREDICTED, CLASSES, SUBMITTED = 2, 4, 3, 77, 14, 70, 20  # bytes a photo


@dataclass(frozen=True)
class Cluster:
    """Inputs of the simulation; docs/scale.md lists which are measured and which are assumed."""

    nodes: int = 8
    cores: int = 16
    cropped: float = 150.0  # photos a second and core
    start: float = 60.0  # seconds of a task before its first photo: pod, image, imports
    kilobytes: float = 100.0  # a photo
    store: float = 1_250.0  # megabytes a second, of the whole store
    shards: int = 32
    pulls_all: bool = False  # a task fetches every photo, not only those of its shard
    failures: float = 0.01  # of tasks, half done, which then run again


def crop_hours(cluster: Cluster, photos: int = PHOTOS) -> float:
    """Hours until the last shard is cut: tasks go to the first free node, at most `nodes` at once."""
    random = np.random.default_rng(SEED)
    free = [0.0] * cluster.nodes
    count = photos / cluster.shards
    fetched = photos if cluster.pulls_all else count
    pulling = fetched * cluster.kilobytes / 1000 / (cluster.store / min(cluster.nodes, cluster.shards))
    cutting = count / (cluster.cropped * cluster.cores)
    for _ in range(cluster.shards):
        again = 1.5 if random.random() < cluster.failures else 1.0
        took: float = cluster.start + max(pulling, cutting) * random.lognormal(0, SPREAD) * again  # the pull runs ahead
        heapq.heapreplace(free, free[0] + took)
    return max(free) / 3600


@dataclass(frozen=True)
class Transfer:
    """What the tasks of a stage fetch from the store and write to it, in GB a task."""

    stage: str
    tasks: int
    fetched: float
    written: float

    def hours(self, store: float) -> float:
        """Hours of the whole store, of `store` MB/s."""
        return self.tasks * (self.fetched + self.written) * 1000 / store / 3600


def transfers(cluster: Cluster, trainings: int = 15) -> list[Transfer]:
    """All transfers of a run without a shared volume: every task fetches what it reads, and nothing else.

    Tables are in bytes a photo, as `python -m benchmarks rows` wrote them. A task of `pack` reads the tables of all
    shards and the crops of one.
    """
    sizes = (1000 * cluster.kilobytes, CROP, PREVIEW, LABELS, FOLDS, INDEX, PREDICTED, CLASSES)
    photos, crops, previews, labels, folds, index, predicted, classes = (PHOTOS * size / 1e9 for size in sizes)
    shards = cluster.shards
    training = crops + index + labels + folds
    return [
        Transfer("relabel", 1, ARCHIVED * PHOTOS / 1e9, labels),
        Transfer("crop", shards, photos / shards + labels, (crops + previews + index) / shards),
        Transfer("pack", 1, index + crops / shards, index),
        Transfer("split", 1, labels, folds),
        Transfer("train", trainings, training, 0),
        Transfer("infer", trainings, training, predicted),
        Transfer("ensemble", 1, previews + index + labels + folds + trainings * predicted, 2 * classes),
        Transfer("submit", 1, labels + classes, SUBMITTED * PHOTOS / 1e9),
        Transfer("report", 1, previews + index + labels + folds + classes, 0),
    ]


def epoch_minutes(gpus: int, photos: float, batch: int, megabytes: float, network: float) -> float:
    """Minutes of an epoch on GPUs of `photos` a second each, a batch of `batch` a GPU, gradients by ring.

    A step is as slow as its slowest GPU; half of the exchange over a `network` (MB/s) hides behind the backward pass.
    Ring: Patarasuk and Yuan 2009, Bandwidth optimal all-reduce algorithms (doi.org/10.1016/j.jpdc.2008.09.002).
    """
    random = np.random.default_rng(SEED)
    steps = math.ceil(PHOTOS / (batch * gpus))
    slowest: float = batch / photos * random.lognormal(0, SPREAD / 4, (1000, gpus)).max(axis=1).mean()
    exchange = 2 * (gpus - 1) / gpus * megabytes / network
    return steps * (slowest + exchange / 2) / 60


def main() -> None:
    """Print all tables."""
    console = Console()
    usual = Cluster()
    crop = Table("store, MB/s", "fetched", "nodes", "shards", "hours", "of ideal", title="cropping 10 million photos")
    cases = [replace(usual, nodes=nodes) for nodes in (1, 8, 32)]
    cases += [replace(usual, shards=8), replace(usual, shards=640)]
    cases += [replace(usual, store=312.5), replace(usual, pulls_all=True)]
    for case in cases:
        ideal = PHOTOS / (case.cropped * case.cores * case.nodes) / 3600
        hours = crop_hours(case)
        fetched = "all" if case.pulls_all else "its shard"
        crop.add_row(
            f"{case.store:g}", fetched, str(case.nodes), str(case.shards), f"{hours:.2f}", f"{ideal / hours:.0%}"
        )
    console.print(crop)
    train = Table(
        "GPUs", "network, MB/s", "minutes an epoch", "of ideal", title="an epoch, B3 at 224, 47 MB of gradients"
    )
    for gpus, network in ((1, 1e9), (8, 100_000), (8, 1250), (64, 12_500), (64, 1250)):
        minutes = epoch_minutes(gpus, 1000, 64, 47, network)
        ideal = PHOTOS / (1000 * gpus) / 60
        train.add_row(str(gpus), f"{network:g}", f"{minutes:.1f}", f"{ideal / minutes:.0%}")
    console.print(train)
    moved = Table("stage", "tasks", "GB in", "GB out", "hours of the store", title="transfers, of all tasks together")
    for each in transfers(usual):
        moved.add_row(
            each.stage,
            str(each.tasks),
            f"{each.tasks * each.fetched:,.1f}",
            f"{each.tasks * each.written:,.1f}",
            f"{each.hours(usual.store):.2f}",
        )
    console.print(moved)


if __name__ == "__main__":
    main()
