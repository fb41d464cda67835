"""The search: trials that Optuna suggests, each in a workspace of its own; pruned by epoch, resumed after a kill."""

import fcntl
import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline import tracking
from pipeline.experiments.changes import run_params
from pipeline.experiments.resampling import OutOfFold
from pipeline.experiments.space import Distribution, Space
from pipeline.experiments.tasks import Schedule, Task, end, require
from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import LIBRARIES
from pipeline.foundation.terminal import log
from pipeline.orchestration import runner
from pipeline.orchestration.runner import GRACE, Job, Jobs, Show
from pipeline.tracking.stage_runs import epoch_scores

WORKSPACES = "workspaces"  # attribute of a trial: the folder of whoever runs it
FAULT = "fault"  # attribute of a trial that failed
STARTED = "started"  # attribute of a study: when its search began
HOUR = 3600.0


def study_of(space: Space, storage: str) -> optuna.Study:
    """The study of a search, created if its storage has none; a trial that runs elsewhere at the time counts as bad.

    Raises:
        InputError: When the storage cannot be used, or holds a search of other distributions.
    """
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=space.path.stem,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=space.file.seed),
            pruner=_pruner(space),
            load_if_exists=True,
        )
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise InputError(f"storage {tracking.without_secrets(storage)}: {str(error).splitlines()[0]}") from None
    searched = json.dumps({key: each.model_dump() for key, each in space.file.space.items()}, sort_keys=True)
    if study.user_attrs.setdefault("space", searched) != searched:
        raise InputError(
            f"{tracking.without_secrets(storage)}: the study '{study.study_name}' searches another space; "
            f"rename {space.path}, or remove the study"
        )
    study.set_user_attr("space", searched)
    return study


class TrialRunner:
    """A search that runs on this machine; others may run the same study from the same storage at the same time."""

    def __init__(self, space: Space, study: optuna.Study, folder: Path, root: Path, slots: int) -> None:
        self._space = space
        self._study = study
        self._folder = folder.resolve()
        self._slots = slots
        self._schedule = Schedule(root)
        self._running: dict[str, Trial] = {}
        self._pruned: dict[str, float] = {}  # when the job was asked to end
        self._prefix = f"{space.path.stem}@trial-"

    def run(self, gpus: Sequence[int], show: Show) -> None:
        """Run trials until the budget is spent; those that a killed search has left go on.

        Raises:
            InputError: When there is no data set, or another search has these workspaces.
        """
        require(self._schedule.root)
        tracking.prepare()
        if STARTED not in self._study.user_attrs:
            self._study.set_user_attr(STARTED, time.time())
        with _locked(self._folder / f".{self._space.path.stem}.lock"):
            for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
                if trial.user_attrs.get(WORKSPACES) == str(self._folder):
                    self._start(Trial(self._study, trial._trial_id))

            def update(jobs: Jobs) -> None:
                if not self._is_interrupted(jobs):
                    self._follow(jobs)
                    while len(self._running) < self._slots and self._has_budget():
                        self._start(self._suggest())
                show(jobs)

            runner.run_jobs(self._schedule.jobs, self._slots, gpus, update, keep_going=True, imports=LIBRARIES)

    def _suggest(self) -> Trial:
        distributions = {key: _distribution(each) for key, each in self._space.file.space.items()}
        trial = self._study.ask(distributions)
        trial.set_user_attr(WORKSPACES, str(self._folder))
        return trial

    def _start(self, trial: Trial) -> None:
        """Add the workspace of a trial; one whose values do not fit together has failed."""
        file = self._space.file
        try:
            settings = self._space.settings(values(self._space, trial.params), file.folds, file.seed)
        except InputError as error:
            self._fail(trial, str(error))
            return
        name = f"{self._prefix}{trial.number}"
        self._schedule.add(Task(name, self._folder / name.replace("@", "-"), settings))
        self._running[name] = trial

    def _follow(self, jobs: Jobs) -> None:
        """Report the epochs of running trials, stop those that are pruned, and tell the study how trials have ended."""
        for name, trial in list(self._running.items()):
            job = jobs[name]
            if job.ended:
                self._tell(self._running.pop(name), job)
            elif name in self._pruned:
                if time.monotonic() - self._pruned[name] > GRACE:
                    job.stop(signal.SIGKILL)
            elif job.state == "running" and self._should_stop(trial, job):
                self._pruned[name] = time.monotonic()
                job.stop(signal.SIGINT)

    def _is_interrupted(self, jobs: Jobs) -> bool:
        """Whether the search is being stopped: its trials are left to the next one, which goes on with them."""
        return any(job.state == "stopped" and job.name not in self._pruned for job in jobs.values())

    def _should_stop(self, trial: Trial, job: Job) -> bool:
        frozen = self._study._storage.get_trial(trial._trial_id)
        for epoch, score in epoch_scores(job.output(), self._first_member).items():
            if epoch not in frozen.intermediate_values:
                trial.report(score, epoch)
                if trial.should_prune():
                    return True
        return False

    @property
    def _first_member(self) -> str:
        """The training by whose epochs trials are compared: of the first model, with the first fold held out."""
        return f"{self._space.base['train']['models'][0]}-{self._space.file.folds[0]}"

    def _tell(self, trial: Trial, job: Job) -> None:
        if job.state == "stopped":
            self._study.tell(trial, state=TrialState.PRUNED)
        elif job.state == "failed":
            self._fail(trial, end(job))
            return
        else:
            self._study.tell(trial, OutOfFold.of(job.folder).macro_f1)
        self._log(trial, job.folder)

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr(FAULT, reason)
        self._study.tell(trial, state=TrialState.FAIL)
        log(f"trial {trial.number} failed: {reason}")

    def _log(self, trial: Trial, folder: Path) -> None:
        """Log a trial as a child run of the search, with its params file."""
        told = self._study._storage.get_trial(trial._trial_id)
        tags = {"stage": "trial", "trial": str(trial.number), "state": told.state.name}
        with tracking.run(f"trial {trial.number}", tags, run_params(values(self._space, trial.params)), "tune") as run:
            run.metrics({} if told.value is None else {"macro_f1": told.value})
            for epoch, score in told.intermediate_values.items():
                run.metrics({"val_macro_f1": score}, epoch)
            run.file(folder / "params.yaml")

    def _has_budget(self) -> bool:
        budget, trials = self._space.file.budget, self._study.get_trials(deepcopy=False)
        if budget.trials is not None and len(trials) >= budget.trials:
            return False
        spent = time.time() - float(self._study.user_attrs[STARTED])
        return budget.hours is None or spent < budget.hours * HOUR


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that have run to their end, the best first."""
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    return sorted(complete, key=lambda trial: -float(trial.value or 0))


def values(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The values of parameters, by dotted key, that a trial has chosen; choices are stored as JSON."""
    return {
        key: json.loads(value) if space.file.space[key].choice is not None else value for key, value in chosen.items()
    }


def _distribution(given: Distribution) -> BaseDistribution:
    if given.choice is not None:
        return CategoricalDistribution([json.dumps(value) for value in given.choice])
    if given.integer is not None:
        return IntDistribution(*given.integer)
    if given.log is not None:
        return FloatDistribution(*given.log, log=True)
    assert given.uniform is not None
    return FloatDistribution(*given.uniform)


def _pruner(space: Space) -> BasePruner:
    prune = space.file.prune
    return MedianPruner(prune.startup, n_warmup_steps=prune.warmup + 1) if prune else NopPruner()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which the system frees when this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{path.parent}: another search is at work here; give this one another --folder") from None
        yield
