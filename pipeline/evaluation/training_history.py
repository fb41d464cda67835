"""Training histories: the metrics by epoch of all members as one table, and as learning curves."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation import plots
from pipeline.evaluation.plots import INK
from pipeline.formats import tables
from pipeline.modeling.members import Member

Histories = Mapping[str, Mapping[str, pd.DataFrame]]
"""The table epochs.csv of every training, by the model and then by the training's name."""

CURVES = {"loss": "loss", "macro_f1": "macro F1", "accuracy": "accuracy"}
GENERALIZATION = tuple(f"{kind}_{score}" for score in ("macro_f1", "loss") for kind in ("val", "best_val", "gap"))


def write(results: Path, members: Iterable[Member]) -> None:
    """Write epochs.csv (every member), epochs_by_model.csv (models side by side) and learning_curves.png."""
    histories: dict[str, dict[str, pd.DataFrame]] = {}
    for member in members:
        histories.setdefault(member.model, {})[member.name] = tables.infer(member.epochs)
    table = join(histories)
    tables.write(table, results / "epochs.csv")
    tables.write(by_epoch(table), results / "epochs_by_model.csv")
    plots.save(learning_curves(histories), results / "learning_curves.png")


def join(histories: Histories) -> pd.DataFrame:
    """All histories as one table: `model`, the training's name as `member`, and their columns."""
    labelled = [
        history.assign(model=model, member=member)
        for model, trainings in histories.items()
        for member, history in trainings.items()
    ]
    table = pd.concat(labelled, ignore_index=True)
    return table[["model", "member", *table.columns.drop(["model", "member"])]]


def by_epoch(table: pd.DataFrame) -> pd.DataFrame:
    """All models side by side: a row for each epoch, and each model's mean accuracy and macro F1 over its folds.

    `table` comes from `join`; a retraining without validation does not count.
    """
    scores = [column for column in ("val_accuracy", "val_macro_f1") if column in table]
    validated = table.dropna(subset=scores)
    columns = {
        f"{model} {score.removeprefix('val_')}": own.groupby("epoch")[score].mean()
        for model, own in validated.groupby("model", sort=False)
        for score in scores
    }
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()


def generalization(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """A model's validation macro F1 and loss by epoch, the best so far and the gap to training: means over its folds.

    `table` comes from `join`; a retraining without validation does not count.
    """
    own = table[table["model"] == model].dropna(subset=list(GENERALIZATION))
    return own.groupby("epoch")[list(GENERALIZATION)].mean().reset_index()


def split(table: pd.DataFrame) -> Histories:
    """The histories of a table of `join`, each with the columns that it has values for."""
    return {
        str(model): {
            str(member): own.drop(columns=["model", "member"]).dropna(axis="columns", how="all").astype(float)
            for member, own in trainings.groupby("member", sort=False)
        }
        for model, trainings in table.groupby("model", sort=False)
    }


def learning_curves(histories: Histories) -> Figure:
    """Loss, macro F1, accuracy and learning rate by epoch: a row for each model, a colour for each training.

    Training is dashed, validation solid.
    """
    columns = [*CURVES.values(), "learning rate"]
    figure = Figure(figsize=(3.4 * len(columns), 0.7 + 2.3 * len(histories)), layout="constrained")
    figure.suptitle("Learning curves: training dashed, validation solid", fontsize=13, color=INK, x=0.01, ha="left")
    grid = figure.subplots(len(histories), len(columns), squeeze=False)
    for row, (model, trainings) in zip(grid, histories.items(), strict=True):
        for axes, column in zip(row, columns, strict=True):
            axes.set_title(f"{model}: {column}", fontsize=10, color=INK, loc="left")
            axes.tick_params(labelsize=8, labelcolor=INK)
            axes.spines[["top", "right"]].set_visible(False)
        for number, (name, history) in enumerate(trainings.items()):
            _draw_training(row, history, name, f"C{number}")
        row[-1].legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _draw_training(row: Sequence[Axes], history: pd.DataFrame, name: str, colour: str) -> None:
    for axes, key in zip(row, CURVES, strict=False):
        for part, style in (("train", "--"), ("val", "-")):
            if f"{part}_{key}" in history:
                axes.plot(history["epoch"], history[f"{part}_{key}"], style, color=colour, linewidth=1.4)
    row[-1].plot(history["epoch"], history["learning_rate"], color=colour, linewidth=1.4, label=name)
