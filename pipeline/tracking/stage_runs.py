"""What MLflow is told of each stage that it hears of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import tracking
from pipeline.foundation.processes import is_first
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.members import METRICS, WEIGHTS, Member
from pipeline.tracking import descriptions

if TYPE_CHECKING:
    from pipeline.modeling.training import Inputs, OnEpoch
    from pipeline.stages.ensemble import Summary

SHEETS = ("crops.jpg", "misses.jpg")  # of the folder of crops
OF_ALL = (
    "confusion.png",
    "learning_curves.png",
    "reliability.png",
    "age_errors.png",
    "mistakes.jpg",
)  # of the results, for the run of the whole pipeline
STATE = ("params.yaml", "dvc.lock")  # dvc.lock has the entries of all stages before this one


@dataclass(frozen=True)
class Training:
    """One training: its stage, model, held-out fold (None: a refit), configuration, inputs, and output folder."""

    stage: str
    model: str
    fold: int | None
    config: ModelConfig
    inputs: "Inputs"
    output: Path
    experiment: str

    @property
    def name(self) -> str:
        """Name of the member: `mask-0`, `mask-refit`, `mask-pseudo_label-0`."""
        return Member(Path(), self.model, self.fold, pseudo_labelled=self.stage == "pseudo_label").name

    @property
    def held_out(self) -> str:
        """The held-out fold, in words."""
        return "nothing held out" if self.fold is None else f"fold {self.fold} held out"


@contextmanager
def training(this: Training) -> Iterator["OnEpoch"]:
    """An MLflow run of a training, as a callback for the metrics of an epoch; at the end it gets the outputs."""
    from pipeline.modeling import batch_preview

    if not is_first():
        yield lambda _epoch, _measured: None
        return
    fold = {} if this.fold is None else {"fold": str(this.fold)}
    tags = {"stage": this.stage, "model": this.model, **fold}
    with tracking.run(this.name, tags, this.config.model_dump(mode="json"), this.experiment) as run:
        run.inputs(this.inputs.crops, this.inputs.labels, this.inputs.folds)
        run.log_figure(
            "augmentation.jpg", partial(batch_preview.write, inputs=this.inputs, config=this.config, fold=this.fold)
        )
        yield partial(_report, run, this.name, this.config.epochs)
        scores = json.loads((this.output / METRICS).read_text(encoding="utf-8"))
        run.tag_output(this.output / WEIGHTS)
        run.metrics({"kept_epoch" if key == "epoch" else key: value for key, value in scores.items()})
        run.files(this.output)
        run.lock(this.output)
        run.set_description(descriptions.training(this.name, this.config, this.held_out, scores))


def ensemble(run: tracking.Run, summary: "Summary", crops: Path, results: Path) -> None:
    """Tell the run of the ensemble, and that of the whole pipeline, what came out of all."""
    run.members(summary.members)
    run.files(results)
    run.tag_output(results / "eval_probabilities.csv")
    run.lock(results)
    note = descriptions.ensemble(summary.metrics, summary.members, results)
    of_all = [*(crops / name for name in SHEETS), *(results / name for name in OF_ALL), *map(Path, STATE)]
    for each in (run, run.pipeline):
        each.metrics(summary.metrics)
        each.set_description(note)
    for path in of_all:
        if path.exists():
            run.pipeline.file(path)


def submission(run: tracking.Run, scores: Mapping[str, float], files: Sequence[Path]) -> None:
    """Add a submission and its scores to the run of its ensemble, and the scores to that of the whole pipeline."""
    for each in (run, run.pipeline):
        each.metrics({f"submission_{name}": value for name, value in scores.items()})
    for path in files:
        run.file(path)


def _report(run: tracking.Run, name: str, epochs: int, epoch: int, measured: dict[str, float]) -> None:
    run.metrics(measured, epoch + 1)
    scores = ", ".join(f"{key} {value:.4g}" for key, value in measured.items())
    print(f"{name} epoch {epoch + 1}/{epochs}: {scores}", flush=True)
