"""training_history: histories of all trainings as one table, and their curves."""

import numpy as np
import pandas as pd

from pipeline.evaluation import training_history

HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "learning_rate": [0.1, 0.05], "train_loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}
)
HISTORIES = {
    "mask": {"mask-0": HISTORY, "mask-1": HISTORY},
    "age": {"age-refit": HISTORY.drop(columns="val_loss")},
}


def test_learning_curves_have_a_row_a_model_and_a_line_a_training_and_part() -> None:
    axes = training_history.learning_curves(HISTORIES).axes
    lines = {drawn.get_title(loc="left"): len(drawn.lines) for drawn in axes}
    assert lines["mask: loss"] == 4
    assert lines["age: loss"] == 1
    assert lines["mask: learning rate"] == 2
    assert np.array_equal(axes[0].lines[1].get_ydata(), [2.0, 1.5])


def test_a_joined_table_splits_into_the_same_histories() -> None:
    found = training_history.split(training_history.join(HISTORIES))
    assert {model: list(trainings) for model, trainings in found.items()} == {
        model: list(trainings) for model, trainings in HISTORIES.items()
    }
    for model, trainings in HISTORIES.items():
        for member, history in trainings.items():
            pd.testing.assert_frame_equal(found[model][member].reset_index(drop=True), history.astype(float))
