"""The report's charts, as SVG."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation import training_history
from pipeline.evaluation.plots import INK, svg
from pipeline.evaluation.reliability import bins
from pipeline.evaluation.report.sources import Sources
from pipeline.schema.schema import AGE, GENDER, SCHEMA

PALE = "#dde3ea"
BLUE, ORANGE, GREY = "#3b6fa0", "#c2703d", "#888"


def ages(sources: Sources) -> str:
    """Labelled people by age and gender, with the boundaries of the scored and of every model's training bands."""
    people = sources.labelled.drop_duplicates("person")
    figure, (axes,) = _row(1, height=2.6, width=9.5)
    groups = [people.loc[people["gender"] == gender, "age"] for gender in GENDER.values]
    edges = np.arange(people["age"].min(), people["age"].max() + 2) - 0.5
    axes.hist(groups, bins=edges.tolist(), stacked=True, label=list(GENDER.values), color=[BLUE, ORANGE])
    for boundary in AGE.bands:
        axes.axvline(boundary - 0.5, color=INK, linewidth=1, linestyle=":")
    for number, (model, bands) in enumerate(sources.train_bands.items()):
        for boundary in set(bands) - set(AGE.bands):
            axes.axvline(boundary - 0.5, color=f"C{number + 2}", linewidth=1, linestyle="--")
        axes.plot(
            [], [], color=f"C{number + 2}", linestyle="--", label=f"bands of {model}: {', '.join(map(str, bands))}"
        )
    axes.set_title("people by age in years", loc="left", color=INK, fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return svg(figure)


def learning_curves(sources: Sources) -> str:
    """Loss, scores and learning rate by epoch of every member."""
    return svg(training_history.learning_curves(training_history.split(sources.tables["epochs"])))


def reliability(sources: Sources) -> str:
    """Accuracy by confidence of the ensemble's out-of-fold predictions, for each attribute."""
    figure, row = _row(len(SCHEMA.names), height=3, width=9.5)
    for axes, name in zip(row, SCHEMA.names, strict=True):
        table = bins(SCHEMA.marginal(sources.probabilities, name), SCHEMA.decode(sources.targets)[name])
        sizes = 10 + 150 * table["photos"] / table["photos"].max()
        axes.plot([0, 1], [0, 1], color=PALE)
        axes.scatter(table["confidence"], table["accuracy"], s=sizes, color=BLUE, alpha=0.8, linewidths=0)
        axes.plot(table["confidence"], table["accuracy"], color=BLUE, linewidth=1)
        axes.set(xlim=(0.28, 1.03), ylim=(0, 1.05))
        axes.set_title(name, loc="left", color=INK, fontsize=10)
        axes.set_xlabel("confidence", fontsize=8)
    row[0].set_ylabel("accuracy", fontsize=8)
    return svg(figure)


def label_shift(sources: Sources) -> str:
    """Share of every value in train, in eval by two estimators with intervals, and in the submission."""
    table = sources.tables["label_shift"]
    submission = sources.shares.set_index(["of", "value"])["submission"]
    figure, row = _row(len(SCHEMA.names), height=2.8, width=9.5)
    for axes, attribute in zip(row, SCHEMA.names, strict=True):
        own = table[table["of"] == attribute]
        places = np.arange(len(own))
        axes.plot(own["train"], places, "|", color=INK, markersize=22, markeredgewidth=2, label="train")
        for offset, estimator, colour in ((-0.15, "bbse", BLUE), (0.15, "em", ORANGE)):
            axes.hlines(places + offset, own[f"{estimator}_low"], own[f"{estimator}_high"], color=colour, linewidth=1.5)
            label = f"eval, {estimator.upper()}"
            axes.plot(own[estimator], places + offset, "o", color=colour, markersize=5, label=label)
        shares = [submission[attribute, value] for value in own["value"]]
        axes.plot(shares, places, "D", color=GREY, markersize=4, label="submission")
        _label_values(axes, list(own["value"]))
        axes.set_title(attribute, loc="left", color=INK, fontsize=10)
    row[-1].legend(frameon=False, fontsize=8, markerscale=0.7, loc="upper left", bbox_to_anchor=(1, 1))
    return svg(figure)


def _row(count: int, height: float, width: float) -> tuple[Figure, list[Axes]]:
    """A figure with axes side by side, without upper and right spines."""
    figure = Figure(figsize=(width, height), layout="constrained")
    row = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in row:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, labelcolor=INK)
    return figure, row


def _label_values(axes: Axes, values: list[str]) -> None:
    axes.set_yticks(range(len(values)), values)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=PALE)
    axes.set_axisbelow(True)
