"""How a parallel run stands, and when it will be done."""

import re
from collections.abc import Iterable
from statistics import mean

from rich.table import Table

from pipeline.foundation.live_table import clock
from pipeline.orchestration.runner import Job, Jobs, State

COLOURS: dict[State, str] = {
    "waiting": "",
    "running": "cyan",
    "done": "green",
    "unchanged": "dim",
    "failed": "red",
    "stopped": "yellow",
}
EPOCH = re.compile(r"epoch (\d+)/(\d+)")


def table(jobs: Jobs, slots: int, now: float) -> Table:
    """A row a stage, at the time `now` (`time.monotonic`) of a run that has `slots` stages at once."""
    ahead = sum(job.state in ("waiting", "running") for job in jobs.values())
    left = remaining(jobs.values(), slots, now)
    caption = f"{len(jobs) - ahead} of {len(jobs)} stages" + (f", about {clock(left)} left" if left else "")
    shown = Table("stage", "state", "GPU", "epoch", "time", "left", caption=caption)
    for name, job in jobs.items():
        shown.add_row(name, job.state, *_cells(job, now), style=COLOURS[job.state])
    return shown


def remaining(jobs: Iterable[Job], slots: int, now: float) -> float | None:
    """Seconds until all is done, if stages take what others of their kind do; None while a kind has none to tell."""
    ahead = [job for job in jobs if job.state in ("waiting", "running")]
    totals = [(job.stage.kind, total) for job in jobs if (total := _total(job, now)) is not None]
    if {job.stage.kind for job in ahead} - {kind for kind, _ in totals}:
        return None
    expected = {kind: mean(total for each, total in totals if each == kind) for kind, _ in totals}
    return sum(max((_total(job, now) or expected[job.stage.kind]) - _spent(job, now), 0) for job in ahead) / slots


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
    """Seconds that a stage took, or will have taken if its epochs go on as they have."""
    epochs = _epochs(job) if job.state == "running" else None
    if epochs:
        return _spent(job, now) * epochs[1] / epochs[0]
    return _spent(job, now) if job.state == "done" else None


def _epochs(job: Job) -> tuple[int, int] | None:
    """How many epochs of how many a training has finished."""
    found = EPOCH.findall(job.said())
    return (int(found[-1][0]), int(found[-1][1])) if found else None
