"""metrics: against scikit-learn, and against what the words mean."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA, Codes

CODES = arrays(np.int64, (2, 60), elements=st.integers(0, SCHEMA.classes - 1))


@given(CODES)
def test_scores_equal_scikit_learn_also_where_classes_are_absent(codes: Codes) -> None:
    targets, predictions = codes
    counts = metrics.confusion(targets, predictions)
    options = {"labels": range(SCHEMA.classes), "average": None, "zero_division": 0}
    np.testing.assert_array_equal(counts, confusion_matrix(targets, predictions, labels=range(SCHEMA.classes)))
    np.testing.assert_allclose(metrics.f1(counts), f1_score(targets, predictions, **options))
    np.testing.assert_allclose(metrics.precision(counts), precision_score(targets, predictions, **options))
    np.testing.assert_allclose(metrics.recall(counts), recall_score(targets, predictions, **options))
    assert metrics.accuracy(counts) == pytest.approx(accuracy_score(targets, predictions))
    assert metrics.macro_f1(counts) == pytest.approx(f1_score(targets, predictions, **options).mean())


@given(CODES)
def test_scores_of_an_attribute_ignore_the_others(codes: Codes) -> None:
    targets, predictions = codes
    scores = metrics.score(targets, predictions)
    true, predicted = SCHEMA.decode(targets), SCHEMA.decode(predictions)
    for attribute in SCHEMA.attributes:
        pair, labels = (true[attribute.name], predicted[attribute.name]), range(len(attribute.values))
        expected = f1_score(*pair, labels=labels, average="macro", zero_division=0)
        assert scores[f"{attribute.name}_macro_f1"] == pytest.approx(expected)
        assert scores[f"{attribute.name}_accuracy"] == pytest.approx(accuracy_score(*pair))


@given(CODES)
def test_every_photo_is_in_one_row_of_the_errors(codes: Codes) -> None:
    targets, predictions = codes
    errors = metrics.errors(targets, predictions)
    assert sum(errors.values()) == len(targets)
    assert errors["right"] == (targets == predictions).sum()


def test_errors_name_the_attributes_that_are_wrong() -> None:
    targets = np.zeros(4, np.int64)
    predictions = SCHEMA.encode({"mask": [0, 0, 0, 1], "gender": [0, 0, 1, 1], "age": [0, 2, 1, 2]})
    assert metrics.errors(targets, predictions) == {
        "right": 1,
        "mask": 0,
        "gender": 0,
        "age": 1,
        "mask,gender": 0,
        "mask,age": 0,
        "gender,age": 1,
        "mask,gender,age": 1,
    }


def test_no_photos_score_nothing() -> None:
    none = np.empty(0, np.int64)
    assert set(metrics.score(none, none).values()) == {0.0}


@pytest.mark.parametrize("code", [-1, 18])
def test_a_code_that_is_no_class_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="invalid entry"):
        metrics.confusion(np.array([code]), np.array([0]))


def test_scores_are_written_with_six_digits_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    metrics.write(tmp_path / "results" / "metrics.json", {"photos": 3, "score": {"accuracy": 2 / 3}})
    text = (tmp_path / "results" / "metrics.json").read_text()
    assert text == '{\n  "photos": 3,\n  "score": {\n    "accuracy": 0.666667\n  }\n}\n'
