"""Stages of the graph in parallel on this machine, with the result of `dvc repro`."""

import json
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

import psutil

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.processes import THREADS, environment
from pipeline.orchestration.graph import Graph, Stage
from pipeline.orchestration.watchdog import Watchdog

State = Literal["waiting", "running", "done", "unchanged", "failed", "stopped"]
Show = Callable[["Jobs"], None]
Handler = Callable[[int, FrameType | None], Any] | int

TICK = 0.2  # seconds between two checks of the running stages
GRACE = 20.0  # seconds between SIGINT, SIGTERM and SIGKILL when a stage is stopped
TAIL = 20  # lines of a failed stage's log that an error shows
RWLOCK = Path(".dvc", "tmp", "rwlock")  # where DVC notes which process reads and writes what


@dataclass
class Job:
    """A stage of a run: its state, its process and its log file."""

    stage: Stage
    log: Path
    state: State = "waiting"
    gpu: int | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ended: float = 0.0

    def start(self, gpu: int | None, threads: int) -> int:
        """Start `dvc repro --single-item` in a process group of its own, which Ctrl-C does not reach.

        Without a GPU the stage gets `threads` threads, its share of the cores: stages that each use all cores slow
        each other down. Returns the number of the process group.
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
        return self.process.pid

    def poll(self) -> None:
        """Update the state of a stage whose process may have ended."""
        if self.process is None or self.is_alive():
            return
        self.ended = time.monotonic()
        if self.process.returncode:
            self.state = "failed"
        else:
            self.state = "done" if "\nRunning stage" in f"\n{self.output()}" else "unchanged"

    def stop(self, how: signal.Signals) -> None:
        """Send a signal to the process group of the stage."""
        if self.process is not None and self.is_alive():
            os.killpg(self.process.pid, how)
            self.state = "stopped"

    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self.process is not None and self.process.poll() is None

    def output(self) -> str:
        """The log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


Jobs = Mapping[str, Job]


def run(graph: Graph, slots: int, gpus: Sequence[int], logs: Path, show: Show) -> None:
    """Bring all stages up to date, ready ones in parallel.

    Each stage is a `dvc repro --single-item` with the log file `logs/STAGE.log`. After a failure no further stage
    starts, and running ones finish. Ctrl-C, SIGTERM and SIGHUP stop the running stages; so does the death of this
    process, even by SIGKILL.

    Args:
        graph: The stages, parents first.
        slots: Maximum number of stages at once.
        gpus: Numbers of the GPUs to use; each stage gets the one that the fewest running stages have.
        logs: Folder of the log files.
        show: Called at every poll with the state of all stages.

    Raises:
        InputError: When stages fail, with the end of their logs, or when another process has locked the workspace.
        KeyboardInterrupt: When the run is stopped.
    """
    _require_unlocked()
    logs.mkdir(parents=True, exist_ok=True)
    jobs = {name: Job(stage, logs / f"{name}.log") for name, stage in graph.items()}
    for job in jobs.values():
        job.log.unlink(missing_ok=True)
    with _handling((signal.SIGTERM, signal.SIGHUP), signal.default_int_handler), Watchdog() as watchdog:
        try:
            while _start(jobs, slots, gpus, watchdog):
                show(jobs)
                time.sleep(TICK)
                _poll(_in(jobs, "running"), watchdog)
        finally:
            _stop(_in(jobs, "running"))
            show(jobs)
    _raise_failures(jobs)


def _require_unlocked() -> None:
    """Raise `InputError` that names the live processes to which DVC has given a lock in this workspace."""
    try:
        lock = json.loads(RWLOCK.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):  # DVC writes it in place: what is half written is in use
        return
    readers = [holder for holders in lock.get("read", {}).values() for holder in holders]
    holders = {holder["pid"]: holder["cmd"] for holder in (*readers, *lock.get("write", {}).values())}
    live = [f"process {pid}: {command}" for pid, command in holders.items() if psutil.pid_exists(pid)]
    raise_faults("DVC is at work in this folder; wait for it, or end it with `kill`", live)


def _start(jobs: Jobs, slots: int, gpus: Sequence[int], watchdog: Watchdog) -> bool:
    """Start ready stages while there are free slots; returns whether any stage is running."""
    ready = [] if _in(jobs, "failed") else [job for job in _in(jobs, "waiting") if _is_ready(job, jobs)]
    for job in ready[: slots - len(_in(jobs, "running"))]:
        watchdog.watch(job.start(_least_used(gpus, jobs), max(len(os.sched_getaffinity(0)) // slots, 1)))
    return bool(_in(jobs, "running"))


def _poll(running: Sequence[Job], watchdog: Watchdog) -> None:
    for job in running:
        job.poll()
        if job.process is not None and job.state != "running":
            watchdog.release(job.process.pid)


def _is_ready(job: Job, jobs: Jobs) -> bool:
    return all(jobs[parent].state in ("done", "unchanged") for parent in job.stage.parents)


def _least_used(gpus: Sequence[int], jobs: Jobs) -> int | None:
    used = [job.gpu for job in _in(jobs, "running")]
    return min(gpus, key=used.count, default=None)


def _in(jobs: Jobs, state: State) -> list[Job]:
    return [job for job in jobs.values() if job.state == state]


def _stop(running: Sequence[Job]) -> None:
    """Stop stages and their children: by SIGINT first, so that DVC and MLflow can finish their writes."""
    with _handling((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN):
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for job in running:
                job.stop(how)
            patience = time.monotonic() + GRACE
            while time.monotonic() < patience and any(job.is_alive() for job in running):
                time.sleep(TICK)


@contextmanager
def _handling(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    """Handle these signals, except those that are ignored, as SIGHUP is under `nohup`."""
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
        ends = [f"{job.stage.name}: see {job.log}, which ends:\n{_indented(job.output())}" for job in failed]
        waiting = len(_in(jobs, "waiting"))
        raise InputError("\n".join([f"{len(failed)} failed and {waiting} not started of {len(jobs)} stages", *ends]))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-TAIL:])
