"""Time and memory of cropping, an epoch and an ensemble at 1, 2, 4 and 8 times the data, each in its own process."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.timing import Result
from pipeline.photographs import Pixels

TIMES, UNIT = (1, 2, 4, 8), 160
Work = Callable[[], object]


def measure(root: Path | None) -> list[Result]:
    return [_row(what, root) for what in ("crop", "epoch", "ensemble")]


def _row(what: str, root: Path | None) -> Result:
    sizes = [_apart(what, times, root) for times in TIMES]
    linear = max(
        abs(size["seconds"] / times / sizes[-1]["seconds"] * TIMES[-1] - 1)
        for times, size in zip(TIMES, sizes, strict=True)
    )
    note = ", ".join(
        f"x{times}: {size['seconds']:.2f} s, {size['megabytes']:.0f} MB"
        for times, size in zip(TIMES, sizes, strict=True)
    )
    return Result(
        f"growth of {what}, {UNIT} pictures x 1-8",
        "linear within 10 %, memory flat",
        sizes[-1]["seconds"],
        note=f"{note}; off a line by {linear:.0%}",
    )


def _apart(what: str, times: int, root: Path | None) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", what, str(times), *([str(root)] if root else [])]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _work(what: str, count: int, root: Path | None) -> Work:
    """Ready to run; the data are a few pictures again and again, on disk where the pipeline has them on disk."""
    return _crop(count, root) if what == "crop" else {"epoch": _epoch, "ensemble": _ensemble}[what](count)


def _crop(count: int, root: Path | None) -> Work:
    from benchmarks.pictures import photographs_of
    from pipeline.params import Crop
    from pipeline.stages.crop import _pack
    from pipeline.vision.crops import Cropper

    paths = photographs_of(root, UNIT)
    paths = (paths * (count // len(paths) + 1))[:count]
    cropper = Cropper(Crop(size=72))
    cropper([])
    return lambda: _pack(cropper, paths, _scratch())


def _epoch(count: int) -> Work:
    import torch
    from lightning_fabric import Fabric

    from benchmarks.pictures import entry, material
    from pipeline.vision.criterion import Criterion
    from pipeline.vision.learner import Learner
    from pipeline.vision.loop import train_epoch

    model = entry()
    made = material(_packed(count, 72), model)
    learner = Learner.create(model, Fabric(accelerator="cpu", devices=1))
    criterion, batches = Criterion(model, made, torch.device("cpu")), made.to_learn(made.training, model, (0, 1))
    train_epoch(learner, made.to_learn(made.training[:64], model, (0, 1)), criterion, 0, [])
    return lambda: train_epoch(learner, batches, criterion, 0, [])


def _ensemble(count: int) -> Work:
    from benchmarks.ensemble import _member
    from pipeline.vision import inference

    member = _member(_scratch())
    packed = _packed(count, 72)
    inference.predict(member, packed[:64])
    return lambda: [inference.predict(member, packed) for _ in range(3)]


def _packed(count: int, size: int) -> Pixels:
    """Noise on disk, mapped into memory as the packed crops are."""
    path = _scratch()
    np.save(path, np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8))
    return np.load(path, mmap_mode="r")


def _scratch() -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="benchmark-")) / "file.npy"


def main(what: str, times: str, root: str | None = None) -> None:
    work = _work(what, UNIT * int(times), Path(root) if root else None)
    before = time.perf_counter()
    work()
    seconds = time.perf_counter() - before
    print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
