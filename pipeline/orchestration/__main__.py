"""`python -m pipeline.orchestration`: the parallel runner, for any DVC project."""

import math
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.orchestration import eta, runner


def main(
    jobs: Annotated[int, typer.Option(min=1, help="Stages that run at once.")] = len(os.sched_getaffinity(0)),
    gpus: Annotated[str, typer.Option(help="Numbers of GPUs, one for each stage: 0,1.")] = "",
    logs: Annotated[Path, typer.Option(help="Folder of log files, one for each stage.")] = Path("logs"),
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another run, or a `dvc repro`, to end.")] = False,
) -> None:
    """Bring the dvc.yaml of this folder up to date, independent stages in parallel. Same dvc.lock as `dvc repro`."""
    try:
        with eta.shown(jobs) as show:
            runner.run(
                jobs,
                [int(number) for number in gpus.split(",") if number],
                logs,
                show,
                patience=math.inf if wait else 0,
            )
    except InputError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    typer.run(main)
