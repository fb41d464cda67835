"""Training on crops in several shards: the share of an epoch that waits for data, and memory after every epoch."""

import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from benchmarks.photos import config, fold_data
from benchmarks.timing import Result
from pipeline.formats import arrays
from pipeline.foundation.process_settings import tune
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.learner import Learner
from pipeline.modeling.loader import Loader
from pipeline.modeling.loop import train_epoch

PHOTOS, SHARDS, EPOCHS = 640, 4, 12
MODELS = (("test_resnet", 72), ("resnet18", 96))


class Waiting(Loader):
    """A loader that adds up the seconds until each batch is there."""

    seconds = 0.0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:  # type: ignore[override]
        batches = super().__iter__()
        while True:
            started = perf_counter()
            batch = next(batches, None)
            self.seconds += perf_counter() - started
            if batch is None:
                return
            yield batch


def measure(_: Path | None) -> list[Result]:
    return [_row(backbone, size) for backbone, size in MODELS]


def _row(backbone: str, size: int) -> Result:
    command = [sys.executable, "-m", "benchmarks.waiting", backbone, str(size)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    shares, memory = np.array(found["waited"]) / found["seconds"], found["megabytes"]
    note = (
        f"waits for data {np.median(shares):.1%} of an epoch ({shares.min():.1%}-{shares.max():.1%}); memory after "
        f"epochs 2 and {EPOCHS}: {memory[1]:.0f} and {memory[-1]:.0f} MB, ratio {memory[-1] / memory[1]:.3f}"
    )
    what = f"{EPOCHS} epochs on CPU, {PHOTOS} photos in {SHARDS} shards, {backbone} at {size}"
    return Result(what, "waits under 5 %, memory flat", sum(found["seconds"]), note=note)


def main(backbone: str, size: str) -> None:
    """Train, and print the seconds and the memory of every epoch as JSON."""
    tune()
    model = config(backbone=backbone, image_size=int(size))
    data = fold_data(_sharded(int(size)), model)
    learner = Learner.create(model, Fabric(accelerator="cpu", devices=1))
    criterion = Criterion(model, data, torch.device("cpu"))
    batches = data.train_loader(data.training, model, (0, 1))
    batches.__class__ = Waiting
    assert isinstance(batches, Waiting)
    found: dict[str, list[float]] = {"seconds": [], "waited": [], "megabytes": []}
    for epoch in range(EPOCHS):
        started, batches.seconds = perf_counter(), 0.0
        train_epoch(learner, batches, criterion, epoch, [])
        found["seconds"].append(perf_counter() - started)
        found["waited"].append(batches.seconds)
        gc.collect()
        found["megabytes"].append(_anonymous())
    print(json.dumps(found))


def _sharded(size: int) -> arrays.Shards:
    """Random pixels in several files, memory-mapped as the crops of several shards are."""
    parts = []
    for number in range(SHARDS):
        path = Path(tempfile.mkdtemp(prefix="benchmark-")) / "crops.npy"
        shape = (PHOTOS // SHARDS, size, size, 3)
        np.save(path, np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))
        parts.append(arrays.read(path))
    return arrays.Shards(parts)


def _anonymous() -> float:
    """Memory of this process in megabytes, without mapped files, which the kernel may drop at any time."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
