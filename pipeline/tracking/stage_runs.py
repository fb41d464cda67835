"""The MLflow runs of stages: what a training, the ensemble and the submission log."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import tracking
from pipeline.formats import crop_files, documents, tables
from pipeline.foundation.processes import is_first
from pipeline.foundation.terminal import log
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.members import METRICS, WEIGHTS, Member
from pipeline.schema.schema import SCHEMA

if TYPE_CHECKING:
    from pipeline.modeling.training import Inputs, OnEpoch
    from pipeline.stages.ensemble import Summary

CROP_SHEETS = ("crops.jpg", "misses.jpg")  # in the folder of crops
PIPELINE_IMAGES = ("confusion.png", "learning_curves.png", "reliability.png", "age_errors.png", "mistakes.jpg")
MISTAKE_COLUMNS = ("true", "predicted", "true_probability", "predicted_probability", "path")
STATE = ("params.yaml", "dvc.lock")  # dvc.lock has the entries of all earlier stages

EPOCH_LINE = {
    "train_loss": "train loss",
    "val_loss": "val loss",
    "val_macro_f1": "macro F1",
    "images_per_second": "images/s",
}
"""What the line of an epoch shows, within 100 columns; MLflow and epochs.csv have all metrics."""
VALIDATION_LINE = {
    "best so far": {"best_val_loss": "val loss", "best_val_macro_f1": "macro F1"},
    "gap, train minus val": {"gap_loss": "loss", "gap_macro_f1": "macro F1"},
}
"""What the line below it shows of an epoch with validation."""


@dataclass(frozen=True)
class TrainingRun:
    """A training: its stage, model, fold (None: all data), configuration, inputs, output folder and experiment."""

    stage: str
    model: str
    fold: int | None
    config: ModelConfig
    inputs: "Inputs"
    output: Path
    experiment: str

    @property
    def name(self) -> str:
        """The name of the member: `mask-0`, `mask-refit`, `mask-pseudo_label-0`."""
        return Member(Path(), self.model, self.fold, pseudo_labelled=self.stage == "pseudo_label").name

    @property
    def held_out(self) -> str:
        """The held-out fold, for the description."""
        return "nothing held out" if self.fold is None else f"fold {self.fold} held out"


@contextmanager
def training(this: TrainingRun) -> Iterator["OnEpoch"]:
    """Open a run that logs the metrics of every epoch and, at the end, the outputs of the training.

    Yields:
        The function to call after every epoch; it does nothing in all processes but the first.
    """
    from pipeline.modeling import batch_preview

    if not is_first():
        yield lambda _epoch, _metrics: None
        return
    fold = {} if this.fold is None else {"fold": str(this.fold)}
    tags = {"stage": this.stage, "model": this.model, **fold}
    with tracking.run(this.name, tags, this.config.model_dump(mode="json"), this.experiment) as run:
        crops = crop_files.index_file(this.inputs.crops, "train")
        run.inputs(*filter(None, (crops, this.inputs.labels, this.inputs.folds)))
        run.log_figure(
            "augmentation.jpg", partial(batch_preview.write, inputs=this.inputs, config=this.config, fold=this.fold)
        )
        yield partial(_log_epoch, run, this.name, this.config.epochs)
        scores = documents.read_numbers(this.output / METRICS, "train again")
        run.tag_output(this.output / WEIGHTS)
        run.metrics({"kept_epoch" if key == "epoch" else key: value for key, value in scores.items()})
        run.files(this.output)
        run.lock(this.output)
        run.set_description(_training_description(this, scores))


def ensemble(run: tracking.Run, summary: "Summary", crops: Path, results: Path) -> None:
    """Log members, scores, results and mistakes to the ensemble's run; scores, images and state to the pipeline run."""
    run.members(summary.members)
    run.files(results)
    run.table("mistakes", summary.mistakes[list(MISTAKE_COLUMNS)].round(3), summary.mistake_crops)
    run.tag_output(results / "eval_probabilities.parquet")
    run.lock(results)
    description = _ensemble_description(summary.metrics, summary.members, results)
    for each in (run, run.pipeline):
        each.metrics(summary.metrics)
        each.set_description(description)
    for path in (
        *(crops / name for name in CROP_SHEETS),
        *(results / name for name in PIPELINE_IMAGES),
        *map(Path, STATE),
    ):
        if path.exists():
            run.pipeline.file(path)


def submission(run: tracking.Run, scores: Mapping[str, float], files: Sequence[Path]) -> None:
    """Log a submission and its scores to the run of its ensemble; the scores to the pipeline run as well."""
    for each in (run, run.pipeline):
        each.metrics({f"submission_{name}": value for name, value in scores.items()})
    for path in files:
        run.file(path)


def _log_epoch(run: tracking.Run, name: str, epochs: int, epoch: int, metrics: dict[str, float]) -> None:
    run.metrics(metrics, epoch + 1)
    log(f"{name} epoch {epoch + 1}/{epochs}: {_figures(metrics, EPOCH_LINE)}")
    if "best_val_loss" in metrics:
        log("  " + "; ".join(f"{title}: {_figures(metrics, keys)}" for title, keys in VALIDATION_LINE.items()))


def _figures(metrics: Mapping[str, float], keys: Mapping[str, str]) -> str:
    return ", ".join(f"{words} {metrics[key]:.4g}" for key, words in keys.items() if key in metrics)


def epoch_scores(output: str, name: str) -> dict[int, float]:
    """The held-out macro F1 of every epoch of a training, from 1, as the lines of its output show them so far."""
    line = rf"^{re.escape(name)} epoch (\d+)/\d+: .*\b{EPOCH_LINE['val_macro_f1']} ([\d.e+-]+)"
    return {int(epoch): float(score) for epoch, score in re.findall(line, output, re.MULTILINE)}


def _training_description(this: TrainingRun, scores: Mapping[str, float]) -> str:
    config, weights = this.config, "pretrained" if this.config.pretrained else "from scratch"
    kept = [key for key in scores if key not in {"epoch", "epoch_selected_on_val"}]
    shown = ", ".join(f"{key.replace('_', ' ')} {scores[key]:.3f}" for key in kept)
    caveat = (
        f"\n\nThe held-out fold selected the epoch (best {config.select}): its scores are optimistic."
        if scores.get("epoch_selected_on_val")
        else ""
    )
    size = " x ".join(map(str, dict.fromkeys(config.input_shape)))
    return (
        f"**{this.name}** predicts {', '.join(config.heads)} with {config.backbone}, {weights}, "
        f"at {size} px; {this.held_out}.\n\n"
        f"Epoch **{scores['epoch']:.0f}** of {config.epochs} was kept: {shown}.{caveat}"
    )


def _ensemble_description(scores: Mapping[str, float], members: Mapping[str, str], results: Path) -> str:
    links = ", ".join(f"[{name}](sha256:{digest})" for name, digest in members.items())
    parts = ", ".join(f"{name} {scores[f'{name}_macro_f1']:.3f}" for name in SCHEMA.names)
    classes = tables.read(results / "classes.csv", {"class": "text", "support": "number", "f1": "number"})
    weakest = classes[classes["support"] > 0].sort_values("f1", kind="stable").iloc[0]
    return (
        f"Ensemble of {len(members)} trainings: {links}.\n\n"
        f"Out of fold, on {scores['photos']:,.0f} photos: macro F1 **{scores['macro_f1']:.3f}**, "
        f"accuracy {scores['accuracy']:.3f}; macro F1 of {parts}; "
        f"weakest class: {weakest['class']} ({weakest['f1']:.3f})."
    )
