"""Workspaces that run through DVC, several at once: what two of them share is made by one and taken by the other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.experiments.workspaces import TARGET, before_training, is_prepared, prepare
from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import LIBRARIES
from pipeline.orchestration import runner
from pipeline.orchestration.runner import Job, Jobs, repro
from pipeline.orchestration.workspace_lock import require_unlocked

RESULT = Path("results", "submission.json")  # the last file of a run
LOG = "run.log"
PATIENCE = 60.0  # seconds for processes of a killed run to end
DATA = ("pack", "split")  # the last stages before training


@dataclass(frozen=True)
class Task:
    """A workspace that is to run.

    Attributes:
        name: Its name, also of its run in MLflow.
        folder: The workspace.
        settings: Its parameters, in the layout of a params file.
    """

    name: str
    folder: Path
    settings: dict[str, Any]

    @property
    def trainings(self) -> list[str]:
        """What each of its models is trained with, as a text."""
        data = before_training(self.settings)
        return [f"{data} {self.settings['models'][model]}" for model in self.settings["train"]["models"]]

    def has_result(self, root: Path) -> bool:
        """Whether it has run to its end with these parameters on this data set."""
        return is_prepared(self.folder, self.settings, root) and (self.folder / RESULT).exists()


@dataclass
class Schedule:
    """Jobs of tasks on one data set.

    Crops and folds of tasks with the same settings are made in the workspace of the first of them. A task whose models
    are also those of an earlier one, because it differs in test-time augmentation only, waits for it and takes its
    weights from the cache.

    Attributes:
        root: The data set.
        jobs: The jobs by name.
        makers: The first job that has some crops and folds, or a training, by their settings.
    """

    root: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)

    def add(self, task: Task) -> Job:
        """Prepare the workspace of a task and add its jobs; returns the one that ends with the task.

        Processes of a killed run that still end there are waited for.
        """
        require_unlocked(task.folder, PATIENCE)
        prepare(task.folder, task.settings, self.root)
        data = before_training(task.settings)
        if data not in self.makers:
            self.makers[data] = f"data@{task.name.partition('@')[2]}"
            self._add(Job(self.makers[data], repro(*DATA), task.folder / "data.log", folder=task.folder))
        needed = {self.makers[data], *(self.makers.setdefault(training, task.name) for training in task.trainings)}
        return self._add(
            Job(
                task.name,
                repro(TARGET),
                task.folder / LOG,
                parents=tuple(sorted(needed - {task.name})),
                folder=task.folder,
                variables={tracking.PIPELINE_RUN: tracking.run_name(task.name, time.time())},
            )
        )

    def _add(self, job: Job) -> Job:
        self.jobs[job.name] = job
        return job


def run(
    tasks: Sequence[Task], root: Path, slots: int, gpus: Sequence[int], show: Callable[[Jobs], None]
) -> dict[str, str]:
    """Run tasks; what has run before does not run again, and a killed run goes on. A failure stops nothing else.

    Args:
        tasks: The tasks; their order is that in which they start.
        root: The data set.
        slots: Maximum number of tasks that run at once.
        gpus: Numbers of the GPUs to use.
        show: Called at every poll with the state of all jobs.

    Returns:
        The last line of the log of every task that failed, by its name.

    Raises:
        InputError: When there is no such data set.
    """
    require(root)
    tracking.prepare()
    schedule = Schedule(root)
    for task in tasks:
        schedule.add(task)
    runner.run_jobs(schedule.jobs, slots, gpus, show, keep_going=True, imports=LIBRARIES)
    return {task.name: end(schedule.jobs[task.name]) for task in tasks if schedule.jobs[task.name].state == "failed"}


def require(root: Path) -> None:
    """Raise `InputError` when there is no such data set."""
    if not root.is_dir():
        raise InputError(f"{root}: no such data set; name one by --data")


def end(job: Job) -> str:
    """The last line of a job's log that says anything, its error if there is one."""
    lines = [line.strip() for line in job.output().splitlines() if line.strip()]
    faults = [line for line in lines if line.startswith("error:")]
    return next(iter(reversed(faults or lines)), "no output")
