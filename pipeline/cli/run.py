"""`run`: all stages on this machine, independent ones in parallel."""

import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError, raise_faults

if TYPE_CHECKING:
    from pipeline.config.params import Params
    from pipeline.orchestration.runner import Show

Jobs = Annotated[
    int | None, typer.Option(min=1, help="Number of stages that run in parallel. Default: the number of --gpus, or 1.")
]
Gpus = Annotated[str, typer.Option(help="GPUs to use, one per stage, such as 0,1.")]
REPORT = Path("results/report.html")
Logs = Annotated[Path, typer.Option(help="Folder of log files, one per stage.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until another run or `dvc repro` in this folder has ended.")]

Targets = Annotated[
    list[str] | None, typer.Argument(metavar="[STAGE]...", help="Stages, with all that they depend on. Default: all.")
]


def run(
    targets: Targets = None, jobs: Jobs = None, gpus: Gpus = "", logs: Logs = Path("logs"), wait: Wait = False
) -> None:
    """Run all stages that are out of date, independent ones in parallel. The results are those of `dvc repro`.

    Example: python -m pipeline run report --jobs 4 --gpus 0,1
    """
    from pipeline import tracking
    from pipeline.config import dry_run, params
    from pipeline.foundation.processes import LIBRARIES
    from pipeline.orchestration import runner

    numbers = gpu_numbers(gpus)
    given = params.load()  # reports all faults before DVC reads dvc.yaml and before any stage starts
    ready(given)
    dry_run.check(given)
    slots = jobs or max(len(numbers), 1)
    Thread(target=tracking.prepare, args=(True,)).start()  # meanwhile, as it imports MLflow; never left half done
    os.environ.setdefault(tracking.PIPELINE_RUN, tracking.run_name(f"run on {socket.gethostname()}", time.time()))
    with progress(slots) as show:
        runner.run(slots, numbers, logs, show, targets or (), math.inf if wait else 0, LIBRARIES)
    if REPORT.exists() and (not targets or "report" in targets):
        from pipeline.evaluation.report import key_figures

        print("\n".join(key_figures.conclusion(REPORT)))


def ready(given: "Params") -> None:
    """Warn of what would make a run slow on this machine; raises `InputError` that lists what would stop it."""
    from pipeline.foundation.terminal import warn
    from pipeline.orchestration import readiness

    found = readiness.findings(given)
    for finding in found:
        if not finding.stops:
            warn(finding.text)
    raise_faults("this cannot run here", [finding.text for finding in found if finding.stops])


@contextmanager
def progress(slots: int) -> Iterator["Show"]:
    """Show jobs on stderr: what to hand to the runner; Ctrl-C ends the command with exit status 130."""
    from pipeline.orchestration import eta

    try:
        with eta.shown(slots) as show:
            yield show
    except KeyboardInterrupt:
        print("stopped; finished stages are kept, and the next run resumes trainings after their last finished epoch")
        raise typer.Exit(130) from None


def gpu_numbers(gpus: str) -> list[int]:
    """The GPU numbers in `gpus`; raises `InputError` for one that this machine does not have."""
    named = [word.strip() for word in gpus.split(",") if word.strip()]
    if not named:
        return []
    from pipeline.orchestration import machine

    there = machine.gpus()
    missing = [name for name in named if name not in there]
    if missing:
        raise InputError(f"--gpus {gpus}: no GPU {', '.join(missing)} here; there are {', '.join(there) or 'none'}")
    return [int(name) for name in named]
