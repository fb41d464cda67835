"""diversity: systems that score well together, each as unlike the others as the score allows."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.diversity import disagreement, unlike
from pipeline.ensembling.voting import choose_weights
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

PHOTOS, CLASSES = 600, 3
TARGETS: Codes = np.arange(PHOTOS) % CLASSES


def system(wrong: Codes, sureness: float = 0.6) -> Table:
    """A system that is wrong on some photos (by position) and right on all others."""
    answers = TARGETS.copy()
    answers[wrong] = (answers[wrong] + 1) % CLASSES
    return np.asarray(sureness * np.eye(CLASSES)[answers] + (1 - sureness) / CLASSES)


ERRORS = np.random.default_rng(777).permutation(PHOTOS).reshape(6, 100)
BEST, TWIN, OTHER, THIRD = (
    system(ERRORS[0]),
    system(np.append(ERRORS[0], ERRORS[5][:1])),
    system(np.append(ERRORS[1], ERRORS[5][:20])),
    system(np.append(ERRORS[2], ERRORS[5][20:40])),
)
POOR = system(ERRORS[:5].ravel(), sureness=0.99)


def test_disagreement_is_the_share_of_photos_where_one_of_two_systems_is_right() -> None:
    right = np.array([True, True, False, False])
    assert disagreement(right, np.array([[True, False, True, False]])) == 0.5
    assert disagreement(right, np.array([right, ~right])) == 0.5
    assert disagreement(right, np.array([right])) == 0


def test_an_unlike_system_is_taken_before_a_better_one_that_makes_the_same_errors() -> None:
    votes = np.stack([TWIN, OTHER, BEST])
    assert table_macro_f1(TWIN, TARGETS) > table_macro_f1(OTHER, TARGETS)
    assert unlike(votes, TARGETS, 2) == [1, 2]


def test_no_more_systems_are_taken_than_asked_for_and_none_that_lowers_the_score() -> None:
    votes = np.stack([BEST, POOR, OTHER, THIRD])
    for number in (1, 2, 3, 4):
        chosen = unlike(votes, TARGETS, number)
        assert len(chosen) == min(number, 3)
        assert 1 not in chosen
    assert table_macro_f1(votes[unlike(votes, TARGETS, 4)].sum(axis=0), TARGETS) > table_macro_f1(BEST, TARGETS)


def test_the_choice_is_that_of_the_systems_and_not_of_their_order() -> None:
    votes = np.stack([BEST, TWIN, OTHER, THIRD, POOR])
    order = np.array([3, 4, 0, 2, 1])
    assert {int(order[place]) for place in unlike(votes[order], TARGETS, 3)} == set(unlike(votes, TARGETS, 3))


def test_the_chosen_systems_vote_and_the_others_have_no_weight() -> None:
    params = Ensemble(systems="per_attribute", top_systems=2, choice="unlike")
    np.testing.assert_array_equal(choose_weights([TWIN, OTHER, BEST], TARGETS, params), [0, 0.5, 0.5])
    best = params.model_copy(update={"choice": "best"})
    np.testing.assert_array_equal(choose_weights([TWIN, OTHER, BEST], TARGETS, best), [0.5, 0, 0.5])


def test_a_choice_of_unlike_systems_needs_their_number() -> None:
    with pytest.raises(ValidationError, match="choice unlike needs top_systems"):
        Ensemble(systems="per_attribute", choice="unlike")
