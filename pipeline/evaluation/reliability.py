"""Reliability curves: accuracy by confidence of every head, before and after calibration."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.calibration import expected_calibration_error
from pipeline.evaluation import plots
from pipeline.evaluation.plots import DIM, INK
from pipeline.schema.probabilities import Numbers, in_classes
from pipeline.schema.schema import SCHEMA, Codes

BINS = 10
COLUMNS = 4
STYLES = {"before": ("--", "C1"), "after": ("-", "C0")}


def bins(table: Numbers, targets: Codes) -> pd.DataFrame:
    """Mean confidence, accuracy and number of photos of probabilities (n, k), in ten equal bins of confidence.

    Empty bins are left out. A calibrated head has equal confidence and accuracy in every bin.
    """
    confidence = table.max(axis=1).astype(np.float64)
    bin_of = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = pd.DataFrame({"confidence": confidence, "accuracy": table.argmax(axis=1) == targets, "bin": bin_of})
    grouped = rows.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), photos=("bin", "size")
    )
    return grouped.reset_index(drop=True)


def write(path: Path, before: MemberProbabilities, after: MemberProbabilities, photos: pd.DataFrame) -> None:
    """Write the curves of all heads of classes, from out-of-fold predictions of labelled photos (n)."""
    plots.save(curves(dict(_heads(before, after, photos))), path)


def curves(heads: Mapping[str, tuple[Numbers, Numbers, Codes]]) -> Figure:
    """A plot for each head: its probabilities (n, k) before and after calibration, and the true codes (n,)."""
    columns = min(max(len(heads), 1), COLUMNS)
    rows = -(-max(len(heads), 1) // columns)
    figure = Figure(figsize=(3.4 * columns, 0.6 + 3.5 * rows), layout="constrained")
    title = "Reliability out of fold: dashed before calibration, solid after"
    figure.suptitle(title, fontsize=13, color=INK, x=0.01, ha="left")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, (before, after, targets)) in zip(grid, heads.items(), strict=False):
        _draw(axes, {"before": bins(before, targets), "after": bins(after, targets)})
        errors = [expected_calibration_error(table, targets) for table in (before, after)]
        axes.set_title(
            f"{name}\ncalibration error {errors[0]:.3f} → {errors[1]:.3f}", fontsize=10, color=INK, loc="left"
        )
    for axes in grid[len(heads) :]:
        axes.set_axis_off()
    return figure


def _heads(
    before: MemberProbabilities, after: MemberProbabilities, photos: pd.DataFrame
) -> Iterator[tuple[str, tuple[Numbers, Numbers, Codes]]]:
    """Every head of classes before and after calibration, with the true codes, by the model's and the head's name."""
    for name, (heads,) in before.items():
        for head, table in heads.items():
            if table.ndim == 2:
                targets = SCHEMA.head(head).codes(photos)
                tables = in_classes(table), in_classes(after[name][0][head])
                yield name if name == head else f"{name}: {head}", (*tables, targets)


def _draw(axes: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    axes.plot([0, 1], [0, 1], color=DIM, linewidth=1)
    for name, table in tables.items():
        style, colour = STYLES[name]
        axes.plot(table["confidence"], table["accuracy"], style, color=colour, linewidth=1.4)
        sizes = 4 + 120 * table["photos"] / table["photos"].sum()
        axes.scatter(table["confidence"], table["accuracy"], s=sizes, color=colour, alpha=0.7, linewidths=0)
    axes.set_xlabel("confidence; dots: share of photos", fontsize=8, color=INK)
    axes.set_ylabel("accuracy", fontsize=8, color=INK)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.04)
    axes.tick_params(labelsize=8, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
