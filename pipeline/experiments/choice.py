"""The end of a search: the best trials with other seeds, the chosen one, and its score on people who chose nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from pipeline.experiments import resampling, tasks
from pipeline.experiments.resampling import Interval, OutOfFold
from pipeline.experiments.search import values
from pipeline.experiments.space import Space
from pipeline.experiments.tasks import Task
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.orchestration.runner import Show

BASE = "base"


@dataclass(frozen=True)
class TuningResult:
    """What a search has found.

    Attributes:
        candidates: Macro F1 of the best trials and of the base with the other seeds, on the folds of the search.
        name: The chosen candidate: the one whose interval has the highest lower bound.
        changes: Its values by dotted key.
        score: Its macro F1 on the folds that chose nothing.
        base: That of the base.
        difference: How much higher its score is than that of the base.
    """

    candidates: dict[str, Interval]
    name: str
    changes: dict[str, Any]
    score: Interval
    base: Interval
    difference: Interval


@dataclass(frozen=True)
class FinalRound:
    """The last round of a search: its candidates, trained in workspaces of a folder."""

    space: Space
    folder: Path
    root: Path
    slots: int
    gpus: Sequence[int]
    show: Show

    def choose(self, best: Sequence[FrozenTrial]) -> TuningResult:
        """Train the best trials and the base with other seeds, choose one, and score it and the base.

        Raises:
            InputError: When there is no trial, or a training fails.
        """
        if not best:
            raise InputError(f"{self.space.path}: no trial has run to its end; raise its budget")
        file = self.space.file
        changes = {f"trial-{trial.number}": values(self.space, trial.params) for trial in best[: file.confirm.trials]}
        changes[BASE] = {}
        trained = self._train(changes, file.folds)
        candidates = {name: resampling.score(name, trained[name]) for name in changes}
        name = max(candidates, key=lambda each: candidates[each].low)
        final = self._train({each: changes[each] for each in dict.fromkeys((name, BASE))}, file.confirm.folds)
        return TuningResult(
            candidates,
            name,
            changes[name],
            resampling.score(name, final[name]),
            resampling.score(BASE, final[BASE]),
            resampling.difference(name, final[name], BASE, final[BASE]),
        )

    def _train(self, changes: Mapping[str, dict[str, Any]], folds: tuple[int, ...]) -> dict[str, list[OutOfFold]]:
        part = "-".join(map(str, folds))
        stem = self.space.path.stem
        listed = {
            (name, seed): Task(
                f"{stem}@{name}-folds-{part}-{seed}",
                self.folder / f"{stem}-{name}-folds-{part}-{seed}",
                self.space.settings(given, folds, seed),
            )
            for seed in self.space.file.confirm.seeds
            for name, given in changes.items()
        }
        failed = tasks.run(list(listed.values()), self.root, self.slots, self.gpus, self.show)
        raise_faults("trainings of the best trials that failed", [f"{name}: {why}" for name, why in failed.items()])
        return {
            name: [OutOfFold.of(task.folder) for (each, _), task in listed.items() if each == name] for name in changes
        }
