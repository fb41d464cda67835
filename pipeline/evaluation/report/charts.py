"""The report's charts: small plots that stand side by side, or one below the other on a phone, and their legend."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pipeline.evaluation import svg, training_history
from pipeline.evaluation.plots import INK
from pipeline.evaluation.reliability import bins
from pipeline.evaluation.report.sources import Sources
from pipeline.evaluation.svg import BLUE, GREY, ORANGE, PALE
from pipeline.pages import Key, Plot
from pipeline.schema.schema import AGE, GENDER, SCHEMA

NARROW, WIDTH, WIDE = 2.75, 3.4, 4.6  # inches of a plot: a phone shows all but the last at their own size
HEIGHT = 2.4
FONT = 8
ESTIMATORS = (("bbse", BLUE, -0.15), ("em", ORANGE, 0.15))  # colour, and place beside the row's middle

Trainings = Mapping[str, pd.DataFrame]
"""The table epochs.csv of a model's trainings, by name."""


class Chart(NamedTuple):
    """Plots and what their colours mean."""

    plots: Sequence[Plot]
    keys: Sequence[Key]


def ages(sources: Sources) -> Chart:
    """Labelled people by age and gender, with the boundaries of the scored and of every model's training bands."""
    people = sources.labelled.drop_duplicates("person")
    keys = [Key(GENDER.values[0], "var(--blue)", "fill"), Key(GENDER.values[1], "var(--orange)", "fill")]
    keys.append(Key(f"scored age bands: {', '.join(map(str, AGE.bands))}", "var(--ink)", "dotted"))
    own = {model: bands for model, bands in sources.train_bands.items() if tuple(bands) != AGE.bands}
    for number, (model, bands) in enumerate(own.items(), 2):
        keys.append(Key(f"bands of {model}: {', '.join(map(str, bands))}", _colour(number), "dashed"))
    return Chart([_plot(partial(_draw_ages, people, list(own.values())), "People by age in years", width=WIDE)], keys)


def learning_curves(sources: Sources) -> dict[str, Chart]:
    """Loss, scores and learning rate by epoch of the trainings of every model, by its name."""
    histories = training_history.split(sources.tables["epochs"])
    return {model: _curves(trainings) for model, trainings in histories.items()}


def reliability(sources: Sources) -> Chart:
    """Accuracy by confidence of the ensemble's out-of-fold predictions, for each attribute."""
    targets = SCHEMA.decode(sources.targets)
    tables = {name: bins(SCHEMA.marginal(sources.probabilities, name), targets[name]) for name in SCHEMA.names}
    plots = [_plot(partial(_draw_reliability, table), name, height=3) for name, table in tables.items()]
    keys = [Key("predictions", "var(--blue)", "dot"), Key("as accurate as confident", "var(--grey)")]
    return Chart(plots, keys)


def label_shift(sources: Sources) -> Chart:
    """Share of every value in train, in eval by two estimators with intervals, and in the submission."""
    table = sources.tables["label_shift"]
    submission = sources.shares.set_index(["of", "value"])["submission"]
    plots = []
    for attribute in SCHEMA.names:
        own = table[table["of"] == attribute].reset_index(drop=True)
        shares = [submission[attribute, value] for value in own["value"]]
        plots.append(_plot(partial(_draw_shares, own, shares), attribute))
    keys = [Key("train", "var(--ink)", "bar"), Key("eval, estimated by BBSE", "var(--blue)", "dot")]
    keys += [Key("eval, estimated by EM", "var(--orange)", "dot"), Key("submission", "var(--grey)", "dot")]
    return Chart(plots, keys)


def _plot(draw: Callable[[Axes], None], caption: str, height: float = HEIGHT, width: float = WIDTH) -> Plot:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=FONT, labelcolor=INK, color=GREY)
    draw(axes)
    description = f"{caption}: {axes.get_ylabel() or 'values'} by {axes.get_xlabel()}"
    return Plot(svg.element(figure, description), caption)


def _name_axes(axes: Axes, x: str, y: str = "") -> None:
    axes.set_xlabel(x, fontsize=FONT, color=INK)
    axes.set_ylabel(y, fontsize=FONT, color=INK)


def _draw_ages(people: pd.DataFrame, train_bands: Sequence[Sequence[int]], axes: Axes) -> None:
    groups = [people.loc[people["gender"] == gender, "age"] for gender in GENDER.values]
    edges = np.arange(people["age"].min(), people["age"].max() + 2) - 0.5
    axes.hist(groups, bins=edges.tolist(), stacked=True, color=[BLUE, ORANGE])
    for boundary in AGE.bands:
        axes.axvline(boundary - 0.5, color=INK, linewidth=1, linestyle=":")
    for number, bands in enumerate(train_bands, 2):
        for boundary in set(bands) - set(AGE.bands):
            axes.axvline(boundary - 0.5, color=_colour(number), linewidth=1, linestyle="--")
    _name_axes(axes, "age in years", "people")


def _curves(trainings: Trainings) -> Chart:
    columns = {**training_history.CURVES, "learning_rate": "learning rate"}
    plots = [_plot(partial(_draw_curves, trainings, key), caption, width=NARROW) for key, caption in columns.items()]
    keys = [Key(name, _colour(number)) for number, name in enumerate(trainings)]
    return Chart(plots, [*keys, Key("train", "var(--ink)", "dashed"), Key("validation", "var(--ink)")])


def _draw_curves(trainings: Trainings, key: str, axes: Axes) -> None:
    for number, history in enumerate(trainings.values()):
        for column, style in {f"train_{key}": "--", f"val_{key}": "-", key: "-"}.items():
            if column in history:
                axes.plot(history["epoch"], history[column], style, color=_colour(number), linewidth=1.4)
    _name_axes(axes, "epoch", key.replace("_", " ").replace("f1", "F1"))


def _draw_reliability(table: pd.DataFrame, axes: Axes) -> None:
    sizes = 10 + 150 * table["photos"] / table["photos"].max()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    axes.scatter(table["confidence"], table["accuracy"], s=sizes, color=BLUE, alpha=0.8, linewidths=0)
    axes.plot(table["confidence"], table["accuracy"], color=BLUE, linewidth=1)
    axes.set(xlim=(0.28, 1.03), ylim=(0, 1.05))
    _name_axes(axes, "confidence", "accuracy")


def _draw_shares(own: pd.DataFrame, submission: Sequence[float], axes: Axes) -> None:
    places = np.arange(len(own))
    axes.plot(own["train"], places, "|", color=INK, markersize=22, markeredgewidth=2)
    for estimator, colour, offset in ESTIMATORS:
        axes.hlines(places + offset, own[f"{estimator}_low"], own[f"{estimator}_high"], color=colour, linewidth=1.5)
        axes.plot(own[estimator], places + offset, "o", color=colour, markersize=5)
    axes.plot(submission, places, "D", color=GREY, markersize=4)
    axes.set_yticks(places, own["value"])
    axes.set_ylim(len(own) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=PALE)
    axes.set_axisbelow(True)
    _name_axes(axes, "share of photos")


def _colour(number: int) -> str:
    """A colour of matplotlib's cycle, as a page knows it."""
    return to_hex(f"C{number % 10}")
