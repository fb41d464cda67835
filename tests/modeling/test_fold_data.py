from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.fold_data import FoldData

Make = Callable[..., ModelConfig]
AGES = np.array([18, 26, 27, 29, 30, 55, 57, 59, 60, 60])
HELD_OUT = np.arange(10) % 3 == 0  # ages 18, 29, 57, 60


def fold_data(config: ModelConfig, **columns: Any) -> FoldData:
    table = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 5, "age": AGES} | columns)
    return FoldData.of(table, np.zeros((10, 32, 32, 3), np.uint8), HELD_OUT, config)


def ages(rows: Any) -> list[int]:
    return [int(age) for age in AGES[rows]]


def test_people_of_dropped_ages_are_judged_but_never_learnt_from(config: Make) -> None:
    dropping = fold_data(config(drop_ages=[[27, 29], [57, 59]]))
    assert ages(dropping.training) == [26, 30, 55, 60]
    assert ages(dropping.finishing) == [18, 60]
    assert ages(dropping.validation) == [18, 29, 57, 60]
    assert ages(fold_data(config()).training) == [26, 27, 30, 55, 59, 60]


def test_dropping_everybody_is_an_error(config: Make) -> None:
    with pytest.raises(InputError, match=r"drop_ages .* leaves nobody to train on"):
        fold_data(config(drop_ages=[[1, 120]]))


def test_a_batch_has_two_images_for_every_process(config: Make) -> None:
    with pytest.raises(InputError, match=r"batch_size 5 is too small for 3 GPUs.*CUDA_VISIBLE_DEVICES"):
        fold_data(config()).train_loader(np.arange(6), config(batch_size=5), (0, 3))
    fold_data(config()).train_loader(np.arange(6), config(batch_size=6), (0, 3))
    fold_data(config()).train_loader(np.arange(6), config(batch_size=1), (0, 1))


def test_what_sampling_balances_is_the_joint_class_of_all_heads(config: Make) -> None:
    strata = fold_data(config(heads={"gender": {}, "age": {"bands": [30, 55]}})).strata
    expected = [(gender, band) for gender, band in zip([0, 1] * 5, [0] * 4 + [1] + [2] * 5, strict=True)]
    same = [[one == other for other in expected] for one in expected]
    assert (np.equal.outer(strata, strata) == same).all()


def test_an_epoch_has_the_copies_of_rare_classes(config: Make) -> None:
    old_men_and_women = {"times": 4, "exclude": [0, 1, 3, 4]}
    oversampled = config(heads={"age": {"bands": [30, 55]}}, oversample=old_men_and_women, sampling="balanced")
    given = fold_data(oversampled)
    loader = given.train_loader(given.training, oversampled, (0, 1))
    drawn = np.concatenate([rows.numpy() for _, rows in loader])
    assert len(drawn) == 3 + 3 * 4
    assert set(drawn) <= set(given.training)


def test_rows_weigh_one_unless_the_table_says_otherwise(config: Make) -> None:
    assert fold_data(config()).weights.tolist() == [1] * 10
    assert fold_data(config(), weight=[0.5] * 10).weights.tolist() == [0.5] * 10


def test_the_partners_of_cutmix_have_its_values_on_the_age_bands_of_training(config: Make) -> None:
    people = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 2, "age": [25, 59, 60, 60]})
    for partners, expected in (
        ({"age": ">=60"}, [False, True, True, True]),
        ({"age": ">=60", "gender": "male"}, [False, False, True, False]),
        ({}, None),
    ):
        settings = config(heads={"age": {"bands": [30, 59]}}, cutmix={"partners": partners})
        data = FoldData.of(people, np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.bool_), settings)
        found = data.train_loader(data.training, settings, (0, 1)).partners
        assert (found if found is None else found.tolist()) == expected
