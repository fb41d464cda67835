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
    lines = {each.get_title(loc="left"): len(each.lines) for each in axes}
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


def test_models_stand_side_by_side_by_epoch_as_means_over_their_folds() -> None:
    def history(accuracy: list[float]) -> pd.DataFrame:
        epochs = range(1, len(accuracy) + 1)
        return pd.DataFrame({"epoch": epochs, "val_accuracy": accuracy, "val_macro_f1": np.array(accuracy) / 2})

    histories = {
        "mask": {"mask-0": history([0.2, 0.4]), "mask-1": history([0.4, 0.8]), "mask-refit": HISTORY[["epoch"]]},
        "age": {"age-0": history([0.5])},
    }
    table = training_history.by_epoch(training_history.join(histories))
    assert list(table.columns) == ["epoch", "mask accuracy", "mask macro_f1", "age accuracy", "age macro_f1"]
    np.testing.assert_allclose(table["mask accuracy"], [0.3, 0.6])
    np.testing.assert_allclose(table["mask macro_f1"], [0.15, 0.3])
    np.testing.assert_allclose(table["age accuracy"], [0.5, np.nan])


def test_best_scores_and_gaps_are_means_over_the_folds_of_a_model() -> None:
    numbers = dict.fromkeys(training_history.GENERALIZATION, 0.25)
    fold = pd.DataFrame({"epoch": [1, 2]}).assign(**numbers)
    trainings = {"age-0": fold, "age-1": fold.assign(gap_loss=[0.75, 1.25]), "age-refit": HISTORY[["epoch"]]}
    table = training_history.generalization(training_history.join({"mask": {"mask-0": fold}, "age": trainings}), "age")
    assert list(table["epoch"]) == [1, 2]
    np.testing.assert_allclose(table["gap_loss"], [0.5, 0.75])
    np.testing.assert_allclose(table["best_val_macro_f1"], 0.25)
