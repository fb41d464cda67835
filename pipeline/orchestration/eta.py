"""The live table of a parallel run, and its estimated time of arrival (ETA)."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import mean

from rich.console import Console
from rich.table import Table

from pipeline.foundation.live_table import board, clock
from pipeline.orchestration.runner import Job, Jobs, Show, State

COLOURS: dict[State, str] = {
    "waiting": "",
    "running": "cyan",
    "done": "green",
    "unchanged": "dim",
    "failed": "red",
    "stopped": "yellow",
}
EPOCH = re.compile(r"epoch (\d+)/(\d+)")


@contextmanager
def shown(slots: int) -> Iterator[Show]:
    """Show a run of at most `slots` stages at once on stderr: what to hand to `runner.run`."""
    with board(Console(stderr=True), known="waiting") as show:
        yield lambda jobs: show(table(jobs, slots, time.monotonic()), {name: job.state for name, job in jobs.items()})


def table(jobs: Jobs, slots: int, now: float) -> Table:
    """A table of one row per stage.

    Args:
        jobs: The stages of the run.
        slots: Maximum number of stages at once.
        now: `time.monotonic()`.
    """
    ahead = sum(job.state in ("waiting", "running") for job in jobs.values())
    left = remaining(jobs.values(), slots, now)
    caption = f"{len(jobs) - ahead} of {len(jobs)} stages" + (f", about {clock(left)} left" if left else "")
    shown = Table("stage", "state", "GPU", "epoch", "time", "left", caption=caption)
    for name, job in jobs.items():
        shown.add_row(name, job.state, *_cells(job, now), style=COLOURS[job.state])
    return shown


def remaining(jobs: Iterable[Job], slots: int, now: float) -> float | None:
    """Estimated seconds to the end of the run, or None while a kind of stage that is still to run has no estimate.

    A stage is expected to take the mean time of the finished and running stages of its kind.
    """
    ahead = [job for job in jobs if job.state in ("waiting", "running")]
    totals = [(job.kind, total) for job in jobs if (total := _total(job, now)) is not None]
    if {job.kind for job in ahead} - {kind for kind, _ in totals}:
        return None
    expected = {kind: mean(total for each, total in totals if each == kind) for kind, _ in totals}
    return sum(max((_total(job, now) or expected[job.kind]) - _spent(job, now), 0) for job in ahead) / slots


def _cells(job: Job, now: float) -> tuple[str, ...]:
    spent, total, epochs = _spent(job, now), _total(job, now), _epochs(job)
    return (
        "" if job.gpu is None else str(job.gpu),
        f"{epochs[0]}/{epochs[1]}" if epochs else "",
        clock(spent) if job.started else "",
        clock(total - spent) if total is not None and job.state == "running" else "",
    )


def _spent(job: Job, now: float) -> float:
    return (job.ended or now) - job.started if job.started else 0.0


def _total(job: Job, now: float) -> float | None:
    """Seconds that a finished stage took, or that a running training takes at its present time per epoch."""
    epochs = _epochs(job) if job.state == "running" else None
    if epochs:
        return _spent(job, now) * epochs[1] / epochs[0]
    return _spent(job, now) if job.state == "done" else None


def _epochs(job: Job) -> tuple[int, int] | None:
    """The epochs that a training has finished, and their total."""
    found = EPOCH.findall(job.output())
    return (int(found[-1][0]), int(found[-1][1])) if found else None
