"""An ablation is run: a workspace for each row and seed, as many at once as asked for."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import tracking
from pipeline.experiments.ablation import Ablation
from pipeline.experiments.workspaces import TARGET, before_training, is_prepared, prepare
from pipeline.foundation.errors import InputError
from pipeline.orchestration import runner
from pipeline.orchestration.runner import Job, Jobs, repro

RESULT = Path("results", "submission.csv")
LOG = "run.log"  # in each workspace
DATA = ("pack", "split")  # the last stages before training


def workspace(ablation: Ablation, folder: Path, row: str, seed: int) -> Path:
    """The workspace of a row and a seed."""
    return folder / f"{ablation.path.stem}-{row}-{seed}"


def run(
    ablation: Ablation, data_set: Path, folder: Path, slots: int, gpus: Sequence[int], show: Callable[[Jobs], None]
) -> dict[tuple[str, int], str]:
    """Train every row with every seed; what has run before does not run again, and a killed run goes on.

    Crops and folds of workspaces with the same settings are made in the first of them. A workspace whose models are
    also those of an earlier one, and which differ in test-time augmentation, say, waits for it and takes its weights
    from the cache. A failure stops nothing else.

    Args:
        ablation: The ablation.
        data_set: Root of the data set.
        folder: Folder of the workspaces.
        slots: Maximum number of workspaces that run at once.
        gpus: Numbers of the GPUs to use.
        show: Called at every poll with the state of all jobs.

    Returns:
        The last line of the log of every row and seed that failed.
    """
    if not data_set.is_dir():
        raise InputError(f"{data_set}: no such data set; name one by --data, or as data in {ablation.path}")
    tracking.prepare()
    jobs: dict[str, Job] = {}
    names: dict[tuple[str, int], str] = {}
    makers: dict[str, str] = {}  # of crops and folds, and of trainings, by their settings: the first job that has them
    for row, seed in ablation.trainings:
        settings, place = row.settings(seed), workspace(ablation, folder, row.name, seed)
        prepare(place, settings, data_set)
        data = before_training(settings)
        if data not in makers:
            makers[data] = f"data@{row.name}-{seed}"
            jobs[makers[data]] = Job(makers[data], repro(*DATA), place / "data.log", folder=place)
        name = names[row.name, seed] = f"{ablation.path.stem}@{row.name}-{seed}"
        shared = [f"{data} {settings['models'][model]}" for model in settings["train"]["models"]]
        needed = {makers[data], *(makers.setdefault(training, name) for training in shared)}
        jobs[name] = Job(
            name,
            repro(TARGET),
            place / LOG,
            parents=tuple(sorted(needed - {name})),
            folder=place,
            variables={tracking.PIPELINE_RUN: tracking.run_name(name, time.time())},
        )
    runner.run_jobs(jobs, slots, gpus, show, keep_going=True)
    return {key: _end(jobs[name]) for key, name in names.items() if jobs[name].state == "failed"}


def unfinished(ablation: Ablation, data_set: Path, folder: Path) -> dict[tuple[str, int], str]:
    """The rows and seeds that have no result with their present parameters, with the reason."""
    places = {(row.name, seed): (row, workspace(ablation, folder, row.name, seed)) for row, seed in ablation.trainings}
    return {
        (name, seed): "has not run to its end"
        for (name, seed), (row, place) in places.items()
        if not (is_prepared(place, row.settings(seed), data_set) and (place / RESULT).exists())
    }


def _end(job: Job) -> str:
    """The last line of a failed job's log that says anything."""
    lines = [line.strip() for line in job.output().splitlines() if line.strip()]
    faults = [line for line in lines if line.startswith("error:")]
    return next(iter(reversed(faults or lines)), "no output")
