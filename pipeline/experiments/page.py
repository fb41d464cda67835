"""The figures of a comparison as a table at the terminal, and as an HTML page with plots."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table

from pipeline import pages
from pipeline.evaluation import svg
from pipeline.evaluation.plots import INK
from pipeline.evaluation.svg import BLUE, PALE
from pipeline.pages import Key, Plot
from pipeline.schema.schema import SCHEMA

HEADINGS = {
    "recipe": "recipe",
    "macro_f1": "macro F1 (95 %)",
    "difference": "difference (95 %)",
    "verdict": "verdict",
    "accuracy": "accuracy",
    **{f"{attribute}_f1": f"{attribute} F1" for attribute in SCHEMA.names},
    "age_mae": "age MAE",
    "old_recall": ">=60 recall",
    "gap": "gap",
    "epochs": "epochs",
    "seconds": "train s",
    "parameters": "M params",
    "images_per_second": "photos/s",
}
TEXTS = ("recipe", "verdict")
DIGITS = {"age_mae": 1, "epochs": 0, "seconds": 0, "parameters": 1, "images_per_second": 0}
PLOT_WIDTH = 4.2  # inches: on a phone, too, the text can be read
COLOURS = dict(zip(SCHEMA.names, ("#1f77b4", "#d55e00", "#009e73"), strict=True))


def cells(rows: pd.DataFrame) -> list[list[str]]:
    """The figures (a row a recipe) as text, in the order of `headings`; unknown figures are a dash.

    Macro F1 has a star where the scored people selected the epoch.
    """
    scores = zip(_intervals(rows, "macro_f1", "low", "high"), rows["epoch_selected_on_val"], strict=True)
    shown = rows.assign(macro_f1=[f"{score} *" if selected else score for score, selected in scores])
    if "difference" in rows:
        shown = shown.assign(difference=_intervals(rows, "difference", "difference_low", "difference_high", sign="+"))
    columns = [[_cell(value, DIGITS.get(column, 3)) for value in shown[column]] for column in headings(rows)]
    return [list(row) for row in zip(*columns, strict=True)]


def headings(rows: pd.DataFrame) -> dict[str, str]:
    """The headings of the columns that there are; at a scale that ranks nothing there are no differences."""
    return {column: heading for column, heading in HEADINGS.items() if column in rows}


def terminal(rows: pd.DataFrame, title: str) -> Table:
    """The figures as a table for people at a terminal."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column, heading in headings(rows).items():
        justify: JustifyMethod = "left" if column in TEXTS else "right"
        table.add_column(heading.replace(" ", "\n", 1), justify=justify, no_wrap=True)
    for row in cells(rows):
        table.add_row(*row)
    return table


def html(rows: pd.DataFrame, title: str) -> str:
    """The figures as one HTML page: a table, and plots with captions.

    At a scale that ranks nothing the recipes are in alphabetical order, and no plot compares their scores.
    """
    ranks = "difference" in rows
    shown = rows if ranks else rows.sort_values("recipe")
    template = pages.templates(Path(__file__).parent).get_template("page.html")
    return template.render(
        title=title,
        ranks=ranks,
        headings=headings(shown).values(),
        rows=cells(shown),
        plots=list(_plots(shown, ranks)),
        keys=[Key(name, COLOURS[name], "dot") for name in SCHEMA.names] if ranks else [],
    )


def _plots(rows: pd.DataFrame, ranks: bool) -> Iterator[Plot]:
    if not ranks:
        yield _plot(rows, _draw_seconds, "Training time of all models and folds, on this machine.")
        return
    yield _plot(
        rows, _draw_scores, "Macro F1 of all classes, out of fold, with its 95 % bootstrap interval over people."
    )
    marks = "mask a circle, gender a square, age a triangle"
    yield _plot(rows, _draw_attributes, f"Macro F1 of each attribute, out of fold: {marks}.")
    yield _plot(rows, _draw_cost, "Macro F1 by the training time of all models and folds, on this machine.", 3.6)


def _intervals(rows: pd.DataFrame, value: str, low: str, high: str, sign: str = "") -> list[str | float]:
    bounded = zip(rows[value], rows[low], rows[high], strict=True)
    return [
        number if np.isnan(number) else f"{number:{sign}.3f} ({lower:{sign}.3f} to {upper:{sign}.3f})"
        for number, lower, upper in bounded
    ]


def _cell(value: str | float, digits: int) -> str:
    if isinstance(value, str):
        return value
    return "-" if np.isnan(value) else f"{value:,.{digits}f}"


def _plot(
    rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None], caption: str, height: float | None = None
) -> Plot:
    figure = Figure(figsize=(PLOT_WIDTH, height or 0.8 + 0.28 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    draw(axes, rows)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.grid(axis="x", color=PALE)
    axes.set_axisbelow(True)
    return Plot(svg.element(figure, caption), caption)


def _draw_scores(axes: Axes, rows: pd.DataFrame) -> None:
    _name_rows(axes, rows)
    axes.hlines(range(len(rows)), rows["low"], rows["high"], color=INK, linewidth=2)
    axes.plot(rows["macro_f1"], range(len(rows)), "o", color=INK)
    axes.set_xlabel("macro F1")


def _draw_attributes(axes: Axes, rows: pd.DataFrame) -> None:
    _name_rows(axes, rows)
    for attribute, marker in zip(SCHEMA.names, "os^", strict=True):
        axes.plot(rows[f"{attribute}_f1"], range(len(rows)), marker, color=COLOURS[attribute])
    axes.set_xlabel("macro F1 of the attribute")


def _draw_cost(axes: Axes, rows: pd.DataFrame) -> None:
    axes.plot(rows["seconds"], rows["macro_f1"], "o", color=INK)
    for name, seconds, score in zip(rows["recipe"], rows["seconds"], rows["macro_f1"], strict=True):
        axes.annotate(name, (seconds, score), xytext=(5, 3), textcoords="offset points", fontsize=8)
    axes.set_xlim(0, 1.4 * rows["seconds"].max())
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("macro F1")


def _draw_seconds(axes: Axes, rows: pd.DataFrame) -> None:
    _name_rows(axes, rows)
    axes.barh(range(len(rows)), rows["seconds"], color=BLUE, height=0.6)
    axes.set_xlabel("seconds of training")


def _name_rows(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_yticks(range(len(rows)), rows["recipe"])
    axes.invert_yaxis()
