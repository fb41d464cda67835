"""Time and memory of cropping, an epoch and an ensemble at 1, 2, 4 and 8 times the data, each in its own process."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.timing import Result, timed
from pipeline.formats.images import Pixels
from pipeline.foundation.process_settings import tune

TIMES = (1, 2, 4, 8)
ROUNDS = 3  # of which the quickest counts: others share the machine
UNITS = {"crop": 160, "epoch": 480, "ensemble": 480}  # photos
Work = Callable[[], object]


def measure(root: Path | None) -> list[Result]:
    return [_row(what, root) for what in UNITS]


def _row(what: str, root: Path | None) -> Result:
    """Largest relative deviation of the CPU times from the straight line that fits them best."""
    sizes = {times: _apart(what, times, root) for times in TIMES}
    taken = np.array([size["processor"] for size in sizes.values()])
    line = np.polynomial.Polynomial.fit(TIMES, taken, 1, w=1 / taken)
    off = np.abs(line(np.array(TIMES)) / taken - 1).max()
    out_of_fold = [f"x{times}: {one['processor']:.1f} s, {one['megabytes']:.0f} MB" for times, one in sizes.items()]
    return Result(
        f"growth of {what}, {UNITS[what]} photos x 1-8",
        "linear within 10 %, memory flat",
        sizes[TIMES[-1]]["seconds"],
        note=f"processor time and memory {', '.join(out_of_fold)}; off a line by {off:.0%}",
    )


def _apart(what: str, times: int, root: Path | None) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", what, str(times), *([str(root)] if root else [])]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _work(what: str, count: int, root: Path | None) -> Work:
    """Prepare the work; the data are a few photos repeated, on disk where the pipeline has them on disk."""
    return _crop(count, root) if what == "crop" else {"epoch": _epoch, "ensemble": _ensemble}[what](count)


def _crop(count: int, root: Path | None) -> Work:
    from benchmarks.crop import cut
    from benchmarks.photos import photos_of
    from pipeline.faces.config import Crop
    from pipeline.faces.cropping import Cropper

    paths = photos_of(root, UNITS["crop"])
    paths = (paths * (count // len(paths) + 1))[:count]
    cropper = Cropper(Crop(size=72))
    cropper([])
    return lambda: sum(crop.face is not None for crop in cut(cropper, paths))


def _epoch(count: int) -> Work:
    import torch
    from lightning_fabric import Fabric

    from benchmarks.photos import config, fold_data
    from pipeline.modeling.criterion import Criterion
    from pipeline.modeling.learner import Learner
    from pipeline.modeling.loop import train_epoch

    model = config()
    data = fold_data(_packed(count, 72), model)
    learner = Learner.create(model, Fabric(accelerator="cpu", devices=1))
    criterion, batches = Criterion(model, data, torch.device("cpu")), data.train_loader(data.training, model, (0, 1))
    train_epoch(learner, data.train_loader(data.training[:64], model, (0, 1)), criterion, 0, [])
    return lambda: train_epoch(learner, batches, criterion, 0, [])


def _ensemble(count: int) -> Work:
    from benchmarks.ensemble import make_member
    from pipeline.modeling import inference
    from pipeline.modeling.config import TTA

    member = make_member(_scratch())
    packed = _packed(count, 72)
    inference.Predictor(member, TTA())(packed[:64])
    return lambda: [inference.Predictor(member, TTA())(packed) for _ in range(3)]


def _packed(count: int, size: int) -> Pixels:
    """Random pixels in a file, memory-mapped like packed crops."""
    path = _scratch()
    np.save(path, np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8))
    packed: Pixels = np.load(path, mmap_mode="r")
    return packed


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="benchmark-")) / "file.npy"


def main(what: str, times: str, root: str | None = None) -> None:
    tune()
    work = _work(what, UNITS[what] * int(times), Path(root) if root else None)
    seconds, processor = (min(column) for column in zip(*(timed(work) for _ in range(ROUNDS)), strict=True))
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": _peak()}))


def _peak() -> float:
    """Peak memory of this process in megabytes; `ru_maxrss` would start at the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
