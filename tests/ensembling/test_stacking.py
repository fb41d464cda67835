"""stacking: a second model uses what a weighted vote cannot, and says the same after it was written and read."""

import sys

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.ensembling.config import Ensemble, Stacking
from pipeline.ensembling.stacking import Regression, Stacker, features, fit
from pipeline.ensembling.voting import combine
from pipeline.foundation.errors import InputError
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

KINDS: tuple[Stacking, ...] = ("regression", "boosting")
CLASSES = 3


def system(targets: Codes, shift: int, seed: int) -> Table:
    """A system that favours the class `shift` after the true one."""
    random = np.random.default_rng(seed)
    lean = np.eye(CLASSES)[(targets + shift) % CLASSES]
    table = random.dirichlet(np.ones(CLASSES), len(targets)) + 0.6 * lean
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def photos(number: int, seed: int) -> tuple[list[Table], Codes]:
    targets = np.random.default_rng(seed).integers(0, CLASSES, number)
    return [system(targets, 0, seed + 1), system(targets, 1, seed + 2)], targets


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_that_is_always_wrong_in_the_same_way_helps(kind: Stacking) -> None:
    stacker = fit(*photos(1500, 1), kind)
    tables, targets = photos(1500, 50)
    found = stacker.predict(tables)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert table_macro_f1(found, targets) > table_macro_f1(tables[0], targets) + 0.03
    assert table_macro_f1(found, targets) > table_macro_f1(combine(tables, "soft"), targets) + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_and_read_predicts_the_same_bits(kind: Stacking) -> None:
    tables, targets = photos(300, 3)
    adapter: TypeAdapter[Stacker] = TypeAdapter(Stacker)
    stacker = fit(tables, targets, kind)
    text = adapter.dump_json(stacker)
    assert adapter.dump_json(fit(tables, targets, kind)) == text
    np.testing.assert_array_equal(adapter.validate_json(text).predict(tables), stacker.predict(tables))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("present", [[0, 2], [1]])
def test_classes_that_no_photo_has_are_not_predicted(kind: Stacking, present: list[int]) -> None:
    tables, targets = photos(300, 5)
    targets = np.asarray(present)[targets % len(present)]
    found = fit(tables, targets, kind).predict(tables)
    assert found.shape == (300, CLASSES)
    assert set(found.argmax(axis=1)) <= set(present)
    assert np.delete(found, present, axis=1).max() < 0.05


def test_two_classes_have_the_probabilities_of_a_logistic_regression() -> None:
    random = np.random.default_rng(7)
    true = random.uniform(0.05, 0.95, 4000)
    targets = (random.random(4000) < true).astype(np.int64)
    table = np.stack([1 - true, true], axis=1)
    found = fit([table], targets, "regression").predict([table])
    np.testing.assert_allclose(found[:, 1], true, atol=0.04)


def test_features_are_log_probabilities_and_no_zero_is_infinite() -> None:
    table = np.array([[0.0, 1.0]])
    np.testing.assert_allclose(features([table, table]), [[np.log(1e-6), 0, np.log(1e-6), 0]])


def test_without_lightgbm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(
        InputError, match=r"stacking boosting: lightgbm is not installed; `uv pip install '\.\[boosting"
    ):
        fit(*photos(30, 1), "boosting")
    assert isinstance(fit(*photos(30, 1), "regression"), Regression)


def test_stacking_takes_the_place_of_weights() -> None:
    with pytest.raises(ValidationError, match="stacking regression takes the place of weights"):
        Ensemble(systems="per_attribute", stacking="regression", weights="greedy")
