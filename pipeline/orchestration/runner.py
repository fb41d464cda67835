"""Stages of the graph side by side on this machine: the result of `dvc repro`, sooner."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import THREADS, environment
from pipeline.orchestration.graph import Graph, Stage

State = Literal["waiting", "running", "done", "unchanged", "failed", "stopped"]
Show = Callable[["Jobs"], None]
Handler = Callable[[int, FrameType | None], Any] | int

TICK = 0.2  # seconds between two looks at what runs
GRACE = 20.0  # seconds that a stopped stage has before it is asked less politely
TAIL = 20  # lines of a failed stage's log that are shown


@dataclass
class Job:
    """A stage on its way through a run, and the file that holds what it says."""

    stage: Stage
    log: Path
    state: State = "waiting"
    gpu: int | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ended: float = 0.0

    def start(self, gpu: int | None, threads: int) -> None:
        """Have DVC bring the stage up to date, in a process group of its own that Ctrl-C does not reach.

        Where it has no GPU it has its share of the cores, `threads`: two that each take all are far slower than one.
        """
        chosen = {THREADS: os.environ.get(THREADS, str(threads))} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", self.stage.name]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=environment() | chosen,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.state, self.gpu, self.started = "running", gpu, time.monotonic()

    def look(self) -> None:
        """Notice the end of a running stage."""
        if self.process is None or self.is_alive():
            return
        self.ended = time.monotonic()
        if self.process.returncode:
            self.state = "failed"
        else:
            self.state = "done" if "\nRunning stage" in f"\n{self.said()}" else "unchanged"

    def stop(self, how: signal.Signals) -> None:
        """Send a signal to the stage and all that it has started."""
        if self.process is not None and self.is_alive():
            os.killpg(self.process.pid, how)
            self.state = "stopped"

    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        """What the stage has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


Jobs = Mapping[str, Job]


def run(graph: Graph, slots: int, gpus: Sequence[int], logs: Path, show: Show) -> None:
    """Bring all stages up to date, at most `slots` at once, dealing the GPUs out evenly among those that run.

    Each stage is a `dvc repro --single-item` that logs to `logs/STAGE.log`; `show` is called again and again with the
    state of things. After a failure nothing new starts, and what runs is finished. Raises `InputError` naming the
    stages that failed; on Ctrl-C, SIGTERM, or when its terminal is closed, stops what runs and raises
    `KeyboardInterrupt`.
    """
    logs.mkdir(parents=True, exist_ok=True)
    jobs = {name: Job(stage, logs / f"{name}.log") for name, stage in graph.items()}
    for job in jobs.values():
        job.log.unlink(missing_ok=True)
    with _handling((signal.SIGTERM, signal.SIGHUP), signal.default_int_handler):
        try:
            while _start(jobs, slots, gpus):
                show(jobs)
                time.sleep(TICK)
                for job in _in(jobs, "running"):
                    job.look()
        finally:
            _stop(_in(jobs, "running"))
            show(jobs)
    _raise_failures(jobs)


def _start(jobs: Jobs, slots: int, gpus: Sequence[int]) -> bool:
    """Start what is ready while there are slots; whether anything runs now."""
    ready = [] if _in(jobs, "failed") else [job for job in _in(jobs, "waiting") if _is_ready(job, jobs)]
    for job in ready[: slots - len(_in(jobs, "running"))]:
        job.start(_least_used(gpus, jobs), max(len(os.sched_getaffinity(0)) // slots, 1))
    return bool(_in(jobs, "running"))


def _is_ready(job: Job, jobs: Jobs) -> bool:
    return all(jobs[parent].state in ("done", "unchanged") for parent in job.stage.parents)


def _least_used(gpus: Sequence[int], jobs: Jobs) -> int | None:
    used = [job.gpu for job in _in(jobs, "running")]
    return min(gpus, key=used.count, default=None)


def _in(jobs: Jobs, state: State) -> list[Job]:
    return [job for job in jobs.values() if job.state == state]


def _stop(running: Sequence[Job]) -> None:
    """End stages and what they have started: politely first, so that DVC and MLflow can tidy up."""
    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for job in running:
                job.stop(how)
            patience = time.monotonic() + GRACE
            while time.monotonic() < patience and any(job.is_alive() for job in running):
                time.sleep(TICK)


@contextmanager
def _handling(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    """Handle these signals, but those that are ignored already, as SIGHUP is under `nohup`."""
    before = {number: found for number in numbers if (found := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _raise_failures(jobs: Jobs) -> None:
    failed = _in(jobs, "failed")
    if failed:
        ends = [f"{job.stage.name}: see {job.log}, which ends:\n{_indented(job.said())}" for job in failed]
        waiting = len(_in(jobs, "waiting"))
        raise InputError("\n".join([f"{len(failed)} failed and {waiting} not started of {len(jobs)} stages", *ends]))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-TAIL:])
