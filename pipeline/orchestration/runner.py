"""The stages of any DVC project in parallel on this machine, with the result of `dvc repro`; and other commands.

    from pipeline.orchestration import runner

    runner.run(slots=4)

brings the dvc.yaml of the current folder up to date, up to four stages at once. Every stage is a `dvc repro
--single-item`: DVC itself decides what is out of date, asks its run-cache and saves the outputs. In the end dvc.lock is
the file that `dvc repro` would have left, byte by byte. `python -m pipeline.orchestration --jobs 4` does the same from
the command line, in any project; `python -m pipeline run` is the command of this project. `run_jobs` runs any commands.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal
from urllib.parse import quote

from pipeline.foundation.errors import InputError
from pipeline.foundation.forkserver import Forkserver, Process
from pipeline.foundation.processes import THREADS, environment
from pipeline.orchestration import locks, plan, workspace_lock
from pipeline.orchestration.plan import PlannedStep

State = Literal["waiting", "running", "done", "unchanged", "failed", "stopped"]
Show = Callable[["Jobs"], None]
Handler = Callable[[int, FrameType | None], Any] | int

ATOMIC_DVC = Path(__file__).with_name("atomic_dvc.py")
TICK = 0.2  # seconds between two checks of the running stages
GRACE = 20.0  # seconds between SIGINT, SIGTERM and SIGKILL when a stage is stopped
OF_DVC = ("dvc.cli.parser", "dvc.commands.repro", "dvc.repo", "dvc.repo.reproduce", "dvc.stage.run", "dvc.stage.cache")
TAIL = 20  # lines of a failed stage's log that an error shows


@dataclass
class Job:
    """A command of a run: its state, its process and its log file.

    Attributes:
        name: What it is called, a stage by DVC's name.
        command: Its words.
        log: File of its output.
        state: Its state.
        parents: Names of the jobs that it waits for.
        folder: The folder that it runs in.
        variables: What is added to its environment.
        gpu: Number of its GPU.
        process: Its process, once it has started.
        started: Its start, by `time.monotonic`.
        ended: Its end.
    """

    name: str
    command: Sequence[str]
    log: Path
    state: State = "waiting"
    parents: tuple[str, ...] = ()
    folder: Path = Path()
    variables: dict[str, str] = field(default_factory=dict)
    gpu: int | None = None
    process: Process | None = None
    started: float = 0.0
    ended: float = 0.0

    @classmethod
    def of(cls, step: PlannedStep, logs: Path) -> "Job":
        """The job of a step, `dvc repro --single-item`, with a log file in the folder `logs`."""
        log = logs / f"{quote(step.name, safe='@')}.log"
        return cls(step.name, repro("--single-item", step.name), log, parents=step.parents)

    @property
    def kind(self) -> str:
        """Its name without what follows an @: jobs of a kind take similar times."""
        return self.name.partition("@")[0]

    def start(self, server: Forkserver, gpu: int | None, threads: int) -> None:
        """Start the command in a process group of its own, which Ctrl-C does not reach.

        Without a GPU the job gets `threads` threads, its share of the cores: jobs that each use all cores slow each
        other down, and one that runs alone may use all.
        """
        chosen = {THREADS: os.environ.get(THREADS, str(threads))} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
        variables = environment() | chosen | self.variables
        self.process = server.start(self.command, self.folder.absolute(), variables, self.log)
        self.state, self.gpu, self.started = "running", gpu, time.monotonic()

    def poll(self) -> None:
        """Update the state of a running job whose process may have ended; one that was stopped stays so."""
        if self.process is None or self.ended or self.is_alive():
            return
        self.ended = time.monotonic()
        if self.state == "stopped":
            return
        if self.process.returncode:
            self.state = "failed"
        else:
            self.state = "done" if "\nRunning stage" in f"\n{self.output()}" else "unchanged"

    def stop(self, how: signal.Signals) -> None:
        """Send a signal to the process group of the job."""
        if self.process is not None and self.is_alive():
            os.killpg(self.process.pid, how)
            self.state = "stopped"

    def is_alive(self) -> bool:
        """Whether its process still runs."""
        return self.process is not None and self.process.poll() is None

    def has_ended(self, somehow: bool = False) -> bool:
        """Whether it has ended well, or `somehow`."""
        return self.state in ("done", "unchanged") or (somehow and self.ended > 0)

    def output(self) -> str:
        """The log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


Jobs = Mapping[str, Job]


def repro(*words: str) -> list[str]:
    """The command of `dvc repro` with these words, which waits for another process that has locked the folder.

    A kill at any moment leaves a whole dvc.lock.
    """
    return [sys.executable, str(ATOMIC_DVC), "--wait-for-lock", "repro", *words]


def run(
    slots: int,
    gpus: Sequence[int] = (),
    logs: Path = Path("logs"),
    show: Show = lambda _: None,
    targets: Sequence[str] = (),
    patience: float = 0.0,
    imports: Sequence[str] = (),
) -> None:
    """Bring stages of ./dvc.yaml up to date, and what they depend on; ready ones in parallel.

    Each stage has a log file, `logs/STAGE.log`. After a failure no further stage starts, and running ones finish.
    Ctrl-C, SIGTERM and SIGHUP stop the running stages; so does the death of this process, even by SIGKILL.

    Args:
        slots: Maximum number of stages at once.
        gpus: Numbers of the GPUs to use; each stage gets the one that the fewest running stages have.
        logs: Folder of the log files.
        show: Called at every poll with the state of all stages.
        targets: The stages, as `dvc repro` takes them; all by default.
        patience: Seconds to wait for the end of another run, or of a `dvc repro`, in this workspace.
        imports: Installed modules that the commands of stages import: stages that run `python` find them imported.

    Raises:
        InputError: When stages fail, with the end of their logs; when DVC does not accept the dvc.yaml; or when others
            are at work in the workspace.
        KeyboardInterrupt: When the run is stopped.
    """
    with workspace_lock.held(patience=patience):
        jobs = _run_steps(slots, gpus, logs, show, targets, imports)
    _raise_failures(jobs)


def _run_steps(
    slots: int, gpus: Sequence[int], logs: Path, show: Show, targets: Sequence[str], imports: Sequence[str]
) -> Jobs:
    """Run the steps of a plan, in a workspace that is held; returns their jobs, with the state that they ended in."""
    locks.set_damaged_aside()
    steps = plan.read(targets)
    logs.mkdir(parents=True, exist_ok=True)
    jobs = {name: Job.of(step, logs) for name, step in steps.items()}
    for job in jobs.values():
        job.log.unlink(missing_ok=True)
    entries = plan.entries(steps)
    try:
        run_jobs(jobs, slots, gpus, show, imports=imports)
    finally:
        plan.sort_entries(steps, entries)
    return jobs


def run_jobs(
    jobs: Jobs,
    slots: int,
    gpus: Sequence[int],
    show: Show,
    keep_going: bool = False,
    imports: Sequence[str] = (),
) -> None:
    """Run jobs, ready ones in parallel, until none is left that can start; their states tell how they ended.

    Args:
        jobs: The jobs by name, parents first.
        slots: Maximum number of jobs at once.
        gpus: Numbers of the GPUs to use; each job gets the one that the fewest running jobs have.
        show: Called at every poll with all jobs. It may stop one by a signal, and add jobs.
        keep_going: Start further jobs after a failure, those that wait for the failed one among them.
        imports: Installed modules that the jobs, or what DVC starts for them, import.

    Raises:
        KeyboardInterrupt: When the run is stopped.
    """
    server = Forkserver(environment(), [*OF_DVC, *imports])
    with _handling((signal.SIGTERM, signal.SIGHUP), signal.default_int_handler), server:
        try:
            show(jobs)
            while _start(jobs, slots, gpus, server, keep_going):
                time.sleep(TICK)
                for job in jobs.values():
                    job.poll()
                show(jobs)
        finally:
            _stop([job for job in jobs.values() if job.is_alive()])
            show(jobs)


def _start(jobs: Jobs, slots: int, gpus: Sequence[int], server: Forkserver, keep_going: bool) -> bool:
    """Start ready jobs while there are free slots; returns whether the end of any job is still to be seen."""
    may_start = keep_going or not _in(jobs, "failed")
    ready = [job for job in _in(jobs, "waiting") if may_start and _is_ready(job, jobs, keep_going)]
    alive = [job for job in jobs.values() if job.is_alive()]
    started = ready[: max(slots - len(alive), 0)]
    threads = max(len(os.sched_getaffinity(0)) // max(len(alive) + len(started), 1), 1)
    for job in started:
        job.start(server, _least_used(gpus, jobs), threads)
    return any(job.process is not None and not job.ended for job in jobs.values())


def _is_ready(job: Job, jobs: Jobs, keep_going: bool) -> bool:
    return all(jobs[parent].has_ended(keep_going) for parent in job.parents)


def _least_used(gpus: Sequence[int], jobs: Jobs) -> int | None:
    used = [job.gpu for job in _in(jobs, "running")]
    return min(gpus, key=used.count, default=None)


def _in(jobs: Jobs, state: State) -> list[Job]:
    return [job for job in jobs.values() if job.state == state]


def _stop(running: Sequence[Job]) -> None:
    """Stop jobs and their children: by SIGINT first, so that DVC and MLflow can finish their writes."""
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
        ends = [f"{job.name}: see {job.log}, which ends:\n{_indented(job.output())}" for job in failed]
        waiting = len(_in(jobs, "waiting"))
        raise InputError("\n".join([f"{len(failed)} failed and {waiting} not started of {len(jobs)} stages", *ends]))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-TAIL:])
