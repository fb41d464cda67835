"""The report's plots, as SVG."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation import plots
from pipeline.evaluation.plots import INK, svg
from pipeline.evaluation.reliability import bins
from pipeline.evaluation.report.sources import Sources
from pipeline.schema.schema import AGE, GENDER, SCHEMA

PALE = "#dde3ea"
COLOURS = {"male": "#3b6fa0", "female": "#c2703d"}


def ages(sources: Sources) -> str:
    """Labelled people by age and gender, with the boundaries of the bands."""
    persons = sources.labelled.drop_duplicates("person")
    figure, (axes,) = _row(1, height=2.6, width=9.5)
    groups = [persons.loc[persons["gender"] == gender, "age"] for gender in GENDER.values]
    edges = np.arange(persons["age"].min(), persons["age"].max() + 2) - 0.5
    axes.hist(
        groups,
        bins=edges.tolist(),
        stacked=True,
        label=list(GENDER.values),
        color=[COLOURS[name] for name in GENDER.values],
    )
    for boundary in AGE.bands:
        axes.axvline(boundary - 0.5, color=INK, linewidth=1, linestyle=":")
    axes.set_title("people by age in years", loc="left", color=INK, fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def learning_curves(sources: Sources) -> str:
    """Loss, scores and learning rate by epoch of every member."""
    table = sources.results["epochs"]
    histories = {
        str(model): {
            str(member): own.drop(columns=["model", "member"]).dropna(axis="columns", how="all").astype(float)
            for member, own in trainings.groupby("member", sort=False)
        }
        for model, trainings in table.groupby("model", sort=False)
    }
    return svg(plots.learning_curves(histories))


def reliability(sources: Sources) -> str:
    """How often answers of each confidence are right, by attribute: on the diagonal they are calibrated."""
    figure, row = _row(len(SCHEMA.names), height=3, width=9.5)
    for axes, attribute in zip(row, SCHEMA.names, strict=True):
        table = SCHEMA.marginal(sources.probabilities, attribute)
        found = bins(table, SCHEMA.head(attribute).codes(sources.photos))
        sizes = 10 + 150 * found["photos"] / found["photos"].max()
        axes.plot([0, 1], [0, 1], color=PALE)
        axes.scatter(found["confidence"], found["accuracy"], s=sizes, color=COLOURS["male"], alpha=0.8, linewidths=0)
        axes.plot(found["confidence"], found["accuracy"], color=COLOURS["male"], linewidth=1)
        axes.set(xlim=(0.28, 1.03), ylim=(0, 1.05))
        axes.set_title(attribute, loc="left", color=INK, fontsize=10)
        axes.set_xlabel("confidence", fontsize=8)
    row[0].set_ylabel("share that is right", fontsize=8)
    return svg(figure)


def shift(sources: Sources) -> str:
    """Of each attribute's values: the share in train, two estimates of eval with intervals, and in the submission."""
    table = sources.results["shift"]
    submitted = sources.shares.set_index(["of", "value"])["submission"]
    figure, row = _row(len(SCHEMA.names), height=2.8, width=9.5)
    for axes, attribute in zip(row, SCHEMA.names, strict=True):
        own = table[table["of"] == attribute]
        places = np.arange(len(own))
        axes.plot(own["train"], places, "|", color=INK, markersize=22, markeredgewidth=2, label="train")
        for offset, way, colour in ((-0.15, "bbse", COLOURS["male"]), (0.15, "em", COLOURS["female"])):
            axes.hlines(places + offset, own[f"{way}_low"], own[f"{way}_high"], color=colour, linewidth=1.5)
            axes.plot(own[way], places + offset, "o", color=colour, markersize=5, label=f"eval, {way.upper()}")
        answers = [submitted[attribute, value] for value in own["value"]]
        axes.plot(answers, places, "D", color="#888", markersize=4, label="submission")
        _name(axes, list(own["value"]))
        axes.set_title(attribute, loc="left", color=INK, fontsize=10)
    row[-1].legend(frameon=False, fontsize=8, markerscale=0.7, loc="upper left", bbox_to_anchor=(1, 1))
    return svg(figure)


def _row(count: int, height: float, width: float) -> tuple[Figure, list[Axes]]:
    """A figure of axes side by side, without the lines that say nothing."""
    figure = Figure(figsize=(width, height), layout="constrained")
    row = list(figure.subplots(1, count, squeeze=False)[0])
    for axes in row:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, labelcolor=INK)
    return figure, row


def _name(axes: Axes, values: list[str]) -> None:
    axes.set_yticks(range(len(values)), values)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=PALE)
    axes.set_axisbelow(True)
