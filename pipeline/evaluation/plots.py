"""Plots of counts: confusion matrices and classes per fold, saved as reproducible PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pipeline.foundation.files import replacing
from pipeline.schema.metrics import accuracy, confusion, macro_f1
from pipeline.schema.schema import SCHEMA, Codes

INK = "#1b2a41"
DIM = "#b8c1cc"


def confusion_matrices(targets: Codes, predictions: Codes, title: str) -> Figure:
    """Confusion matrices of all classes and, beside it, of each attribute; colour is the share of the true class."""
    figure = Figure(figsize=(14, 10), layout=ConstrainedLayoutEngine(h_pad=0.15, w_pad=0.2))
    figure.suptitle(title, fontsize=15, color=INK, x=0.01, ha="left")
    grid = figure.add_gridspec(len(SCHEMA.attributes), 2, width_ratios=(2.7, 1))
    classes = figure.add_subplot(grid[:, 0])
    _draw_matrix(classes, confusion(targets, predictions), SCHEMA.class_names)
    _draw_separators(classes)
    classes.set_xlabel("predicted", color=INK)
    classes.set_ylabel("true", color=INK)
    true, predicted = SCHEMA.decode(targets), SCHEMA.decode(predictions)
    for row, attribute in enumerate(SCHEMA.attributes):
        counts = confusion(true[attribute.name], predicted[attribute.name], len(attribute.values))
        axes = figure.add_subplot(grid[row, 1])
        _draw_matrix(axes, counts, attribute.values)
        heading = f"{attribute.name}: macro F1 {macro_f1(counts):.3f}, accuracy {accuracy(counts):.3f}"
        axes.set_title(heading, fontsize=11, color=INK)
    return figure


def classes_per_fold(counts: Codes) -> Figure:
    """Number of photos (classes, folds) of each class in each fold; colour is the share of the fold."""
    figure = Figure(figsize=(2.4 + counts.shape[1], 6.5), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(np.sqrt(counts / counts.sum(axis=0)), cmap="Blues", vmin=0, vmax=0.8, aspect="auto")
    for (code, fold), photos in np.ndenumerate(counts):
        axes.text(fold, code, f"{photos:,}", ha="center", va="center", color=INK if photos else "firebrick")
    totals = counts.sum(axis=0)
    axes.set_xticks(range(len(totals)), [f"fold {fold}\n{total:,}" for fold, total in enumerate(totals)])
    axes.set_yticks(range(len(counts)), SCHEMA.class_names)
    axes.set_title("photos of each class per fold", fontsize=12, color=INK, loc="left")
    axes.tick_params(length=0, labelsize=10, labelcolor=INK)
    axes.spines[:].set_visible(False)
    _draw_separators(axes, columns=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without the software's version, so that equal figures are equal bytes."""
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})


def _draw_matrix(axes: Axes, counts: Codes, labels: Sequence[str]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1.15)  # the root makes small shares of errors visible
    for (true, predicted), count in np.ndenumerate(counts):
        ink = DIM if count == 0 else "white" if shares[true, predicted] > 0.4 else INK
        axes.text(predicted, true, "·" if count == 0 else str(count), ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=90 if len(labels) == SCHEMA.classes else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0, labelsize=10, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _draw_separators(axes: Axes, columns: bool = True) -> None:
    """Lines between classes that differ in more than the last attribute, bold where the first attribute differs."""
    block, first_block = SCHEMA.shape[-1], SCHEMA.classes // SCHEMA.shape[0]
    for edge in range(block, SCHEMA.classes, block):
        width = 1.6 if edge % first_block == 0 else 0.5
        axes.axhline(edge - 0.5, color=INK, linewidth=width)
        if columns:
            axes.axvline(edge - 0.5, color=INK, linewidth=width)
