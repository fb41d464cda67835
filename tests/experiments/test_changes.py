"""changes: parameters with other values, by dotted key."""

from typing import Any

import pytest
from mlflow.utils.validation import _validate_param_name

from pipeline.experiments.changes import changed, run_params
from pipeline.foundation.errors import InputError

SETTINGS: dict[str, Any] = {
    "split": {"folds": 5},
    "models": {
        "age": {"epochs": 3, "loss": "focal", "cutmix": None, "augmentation": [{"HorizontalFlip": {}}]},
        "mask": {"epochs": 4},
    },
}


def test_a_key_is_changed_and_the_given_settings_are_not() -> None:
    found = changed(SETTINGS, {"models.age.epochs": 9, "split.folds": 2})
    assert found["models"]["age"] == SETTINGS["models"]["age"] | {"epochs": 9}
    assert found["split"] == {"folds": 2}
    assert SETTINGS["split"] == {"folds": 5}


def test_a_star_is_every_entry() -> None:
    found = changed(SETTINGS, {"models.*.seed": 1})
    assert [model["seed"] for model in found["models"].values()] == [1, 1]


def test_what_is_off_or_a_bare_name_has_keys_as_well() -> None:
    found = changed(SETTINGS, {"models.age.cutmix.probability": 0.5, "models.age.loss.gamma": 1})
    assert found["models"]["age"]["cutmix"] == {"probability": 0.5}
    assert found["models"]["age"]["loss"] == {"name": "focal", "gamma": 1}


def test_later_changes_see_earlier_ones() -> None:
    assert changed(SETTINGS, {"split": {"folds": 2}, "split.seed": 1})["split"] == {"folds": 2, "seed": 1}


def test_a_key_into_a_value_without_keys_is_named() -> None:
    with pytest.raises(InputError, match=r"models\.age\.augmentation\.0: models\.age\.augmentation is \[.*as a whole"):
        changed(SETTINGS, {"models.age.augmentation.0": {}})
    with pytest.raises(InputError, match=r"split\.folds\.a\.b: split\.folds is 5"):
        changed(SETTINGS, {"split.folds.a.b": {}})


def test_names_of_run_parameters_are_those_that_mlflow_takes() -> None:
    given = run_params({"models.*.mixup": None, "split.seed": 1})
    for name in given:
        _validate_param_name(name)  # type: ignore[no-untyped-call]
    assert given == {"models.all.mixup": None, "split.seed": 1}
