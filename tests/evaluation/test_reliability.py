"""reliability: accuracy by confidence."""

import numpy as np
import pytest

from pipeline.evaluation import reliability


def test_a_calibrated_head_lies_on_the_diagonal() -> None:
    random = np.random.default_rng(0)
    sure = random.uniform(0.5, 1, 20_000)
    table = np.stack([sure, 1 - sure], axis=1)
    found = reliability.bins(table, (random.uniform(size=len(sure)) > sure).astype(np.int64))
    assert found["photos"].sum() == len(sure)
    assert found["accuracy"].to_numpy() == pytest.approx(found["confidence"].to_numpy(), abs=0.03)


def test_a_bin_without_photos_is_left_out() -> None:
    found = reliability.bins(np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6]]), np.array([0, 1, 1]))
    assert list(found["accuracy"]) == [1, 0.5]
    assert list(found["photos"]) == [1, 2]


def test_every_head_has_a_plot() -> None:
    table = np.array([[0.9, 0.1], [0.3, 0.7]])
    heads = {name: (table, table, np.array([0, 0])) for name in "abcde"}
    titles = [axes.get_title(loc="left") for axes in reliability.curves(heads).axes]
    assert [title[0] for title in titles if title] == list("abcde")
    assert "calibration error 0.400 → 0.400" in titles[0]
