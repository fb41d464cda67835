"""plots: confusion matrices, reproducible to the byte."""

from pathlib import Path

import numpy as np

from pipeline.evaluation import plots
from pipeline.schema.schema import SCHEMA

TARGETS = np.array([0, 0, 0, 17])
PREDICTIONS = np.array([0, 0, 3, 17])


def test_confusion_matrices_are_plotted_for_the_classes_and_each_attribute() -> None:
    figure = plots.confusion_matrices(TARGETS, PREDICTIONS, "title")
    classes, *attributes = figure.axes
    assert [label.get_text() for label in classes.get_yticklabels()] == SCHEMA.class_names
    assert [axes.get_title().split(":")[0] for axes in attributes] == list(SCHEMA.names)
    counts = {text.get_position(): text.get_text() for text in classes.texts}
    assert counts[0, 0] == "2"
    assert counts[3, 0] == "1"
    assert counts[17, 17] == "1"
    assert counts[0, 3] == "·"


def test_equal_figures_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        plots.save(plots.confusion_matrices(TARGETS, PREDICTIONS, "title"), tmp_path / name)
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "second.png").read_bytes()
    assert b"matplotlib" not in first.lower()
