"""Fits are made on all photos, or on a random choice of very many, which changes them little."""

import numpy as np
import pytest

from pipeline.ensembling import calibration, class_bias, fitting, label_shift
from pipeline.ensembling.shift_estimators import ShiftSample
from pipeline.schema.schema import SCHEMA

PHOTOS = 6000


def test_all_of_few_photos_are_fitted_on() -> None:
    assert fitting.rows(fitting.MOST) == slice(None)


def test_a_choice_of_many_is_in_order_without_repetition_and_always_the_same() -> None:
    chosen = fitting.rows(fitting.MOST + 5)
    assert isinstance(chosen, np.ndarray)
    assert len(np.unique(chosen)) == fitting.MOST
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, fitting.rows(fitting.MOST + 5))


@pytest.fixture
def photos() -> tuple["np.typing.NDArray[np.float64]", "np.typing.NDArray[np.int64]"]:
    """Overconfident class probabilities (n, classes), and the classes (n,)."""
    random = np.random.default_rng(0)
    targets = random.integers(SCHEMA.classes, size=PHOTOS)
    logits = 2 * (1.5 * np.eye(SCHEMA.classes)[targets] + random.normal(size=(PHOTOS, SCHEMA.classes)))
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), targets


def test_a_choice_of_photos_changes_fits_little(
    photos: tuple["np.typing.NDArray[np.float64]", "np.typing.NDArray[np.int64]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, targets = photos
    masks = SCHEMA.marginal(table, "mask")
    codes = SCHEMA.decode(targets)["mask"]
    shift = ShiftSample(masks, codes, np.arange(PHOTOS), masks[None, codes != 0])
    monkeypatch.setattr(label_shift, "RESAMPLES", 10)
    whole = calibration.fit(table, targets), label_shift.estimate(shift)
    monkeypatch.setattr(fitting, "MOST", 2000)
    part = calibration.fit(table, targets), label_shift.estimate(shift)
    assert part[0] == pytest.approx(whole[0], rel=0.1)
    np.testing.assert_allclose(part[1].em, whole[1].em, atol=0.05)
    assert not np.array_equal(part[1].em, whole[1].em)
    assert class_bias.fit(table, targets).shape == (SCHEMA.classes,)
