"""bootstrap: an interval over people."""

import numpy as np
import pytest

from pipeline.schema import bootstrap
from pipeline.schema.bootstrap import accuracies, accuracy_gaps, interval
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.schema import SCHEMA, Codes

PEOPLE = 60


def data(errors: float, seed: int = 0) -> tuple[list[str], Codes, Codes]:
    """Three photos a person, one of each mask, of which a share is answered wrongly."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(PEOPLE), 3)
    targets = person % 6 + 6 * np.tile(np.arange(3), PEOPLE)
    wrong = random.random(len(targets)) < errors
    return [f"person {number}" for number in person], targets, np.where(wrong, (targets + 1) % SCHEMA.classes, targets)


def test_a_score_without_errors_is_certain() -> None:
    assert interval(*data(0)) == (1, 1)


@pytest.mark.parametrize("errors", [0.1, 0.3, 0.6])
def test_the_score_lies_in_its_interval(errors: float) -> None:
    people, targets, predictions = data(errors)
    low, high = interval(people, targets, predictions)
    assert low < macro_f1(confusion(targets, predictions)) < high


def test_an_attribute_that_is_always_right_is_certain_whatever_the_others() -> None:
    people, targets, _ = data(0)
    older = np.where(targets % 3 < 2, targets + 1, targets)
    assert interval(people, targets, older, "gender") == interval(people, targets, older, "mask") == (1, 1)
    low, high = interval(people, targets, older, "age")
    assert low <= macro_f1(confusion(targets % 3, older % 3, 3)) <= high < 1


def test_photos_of_one_person_are_no_independent_evidence() -> None:
    people, targets, predictions = data(0.3)
    low, high = interval(people, targets, predictions)
    same_people = interval(people * 10, np.tile(targets, 10), np.tile(predictions, 10))
    assert same_people == pytest.approx((low, high))


def test_the_interval_does_not_depend_on_the_order_of_photos() -> None:
    people, targets, predictions = data(0.3)
    order = np.random.default_rng(1).permutation(len(people))
    assert interval([people[row] for row in order], targets[order], predictions[order]) == interval(
        people, targets, predictions
    )


def test_draws_that_come_a_few_at_a_time_give_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    people, targets, predictions = data(0.3)
    whole = interval(people, targets, predictions)
    monkeypatch.setattr(bootstrap, "MOST", 70)
    assert interval(people, targets, predictions) == whole


def test_the_gap_of_two_parts_is_that_of_their_accuracies() -> None:
    people, targets, predictions = data(0.3)
    right, chosen = targets == predictions, np.arange(len(people)) % 3 == 0  # a photo of every person
    cells = np.zeros(len(people), np.int64)
    parts = [accuracies(np.array(people)[part], cells[part], right[part]) for part in (chosen, ~chosen)]
    np.testing.assert_allclose(accuracy_gaps(people, cells, right, chosen), parts[0] - parts[1])
