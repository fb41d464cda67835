"""The figures of recipes as a table for the terminal, and as an HTML page with plots."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline import pages
from pipeline.evaluation.plots import INK, svg
from pipeline.schema.schema import SCHEMA

HEADINGS = {
    "recipe": "recipe",
    "macro_f1": "macro F1 (95 %)",
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
WIDTH = 150  # of the table in characters; a narrower terminal breaks its lines
DIGITS = {"age_mae": 1, "epochs": 0, "seconds": 0, "parameters": 1, "images_per_second": 0}


def cells(rows: pd.DataFrame) -> list[list[str]]:
    """The figures (a row a recipe) as text, in the order of `HEADINGS`; unknown figures are a dash."""
    bounded = zip(rows["macro_f1"], rows["low"], rows["high"], strict=True)
    shown = rows.assign(macro_f1=[f"{score:.3f} ({low:.3f}-{high:.3f})" for score, low, high in bounded])
    columns = [[_cell(value, DIGITS.get(column, 3)) for value in shown[column]] for column in HEADINGS]
    return [list(row) for row in zip(*columns, strict=True)]


def terminal(rows: pd.DataFrame, title: str) -> Table:
    """The figures as a table for people at a terminal."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column, heading in HEADINGS.items():
        table.add_column(heading.replace(" ", "\n", 1), justify="left" if column == "recipe" else "right", no_wrap=True)
    for row in cells(rows):
        table.add_row(*row)
    return table


def html(rows: pd.DataFrame, title: str) -> str:
    """The figures as one HTML page: a table, and plots as SVG."""
    plots = [Markup(svg(_plot(rows, draw))) for draw in (_draw_scores, _draw_attributes, _draw_cost)]
    template = pages.templates(Path(__file__).parent).get_template("page.html")
    return template.render(title=title, headings=HEADINGS.values(), rows=cells(rows), plots=plots)


def _cell(value: str | float, digits: int) -> str:
    if isinstance(value, str):
        return value
    return "-" if np.isnan(value) else f"{value:,.{digits}f}"


def _plot(rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None]) -> Figure:
    figure = Figure(figsize=(9, 1.6 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    draw(axes, rows)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dde3ea")
    axes.set_axisbelow(True)
    return figure


def _draw_scores(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_title("macro F1 over 18 classes, out-of-fold, 95 % interval over people", loc="left", color=INK)
    _name_rows(axes, rows)
    axes.hlines(range(len(rows)), rows["low"], rows["high"], color=INK, linewidth=2)
    axes.plot(rows["macro_f1"], range(len(rows)), "o", color=INK)


def _draw_attributes(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_title("macro F1 of each attribute, out-of-fold", loc="left", color=INK)
    _name_rows(axes, rows)
    for attribute, marker in zip(SCHEMA.names, "os^", strict=True):
        axes.plot(rows[f"{attribute}_f1"], range(len(rows)), marker, label=attribute)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _draw_cost(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_title("macro F1 by seconds of training", loc="left", color=INK)
    axes.plot(rows["seconds"], rows["macro_f1"], "o", color=INK)
    for name, seconds, score in zip(rows["recipe"], rows["seconds"], rows["macro_f1"], strict=True):
        axes.annotate(name, (seconds, score), xytext=(5, 3), textcoords="offset points", fontsize=8)


def _name_rows(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_yticks(range(len(rows)), rows["recipe"])
    axes.invert_yaxis()
