"""Time from the start of a stage's process to its first work."""

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.timing import Result, timed

STARTS = {
    "split": ("pipeline.stages.split", "under 1.5 s"),
    "crop": ("pipeline.stages.crop", "under 4 s"),
    "train": ("pipeline.stages.train, pipeline.tracking, mlflow", "under 4 s"),
}


def measure(_: Path | None) -> list[Result]:
    return [_start(stage, *start) for stage, start in STARTS.items()]


def _start(stage: str, modules: str, wanted: str) -> Result:
    command = [
        sys.executable,
        "-c",
        f"from pipeline.foundation import process_settings; process_settings.tune(); import {modules}",
    ]
    rounds = [timed(lambda: subprocess.run(command, check=True)) for _ in range(4)][1:]
    wall, processor = (median(column) for column in zip(*rounds, strict=True))
    return Result(f"start-up of {stage}", wanted, wall, note=f"{processor:.1f} s of processor time")
