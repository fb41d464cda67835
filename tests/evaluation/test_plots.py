"""plots: photos that say what was counted, the same bytes every time."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.evaluation import plots
from pipeline.schema.schema import SCHEMA

TARGETS = np.array([0, 0, 0, 17])
PREDICTIONS = np.array([0, 0, 3, 17])


def test_the_confusion_is_drawn_over_the_classes_and_each_attribute() -> None:
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


def test_learning_curves_have_a_row_a_model_and_a_line_a_training_and_part() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 2], "learning_rate": [0.1, 0.05], "train_loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}
    )
    refit = history.drop(columns="val_loss")
    axes = plots.learning_curves({"mask": {"mask-0": history, "mask-1": history}, "age": {"age-refit": refit}}).axes
    lines = {drawn.get_title(loc="left"): len(drawn.lines) for drawn in axes}
    assert lines["mask: loss"] == 4
    assert lines["age: loss"] == 1
    assert lines["mask: learning rate"] == 2
    assert np.array_equal(axes[0].lines[1].get_ydata(), [2.0, 1.5])
