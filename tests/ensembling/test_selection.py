"""selection: systems are chosen by their score, and what is searched is never worse than what it was searched from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.selection import choose, greedy, top
from pipeline.ensembling.voting import combine, macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

TARGETS: Codes = np.arange(60) % 3


def noisy(share_right: float, seed: int) -> Table:
    """A system that is right in about a share of the photos, and more or less sure."""
    random = np.random.default_rng(seed)
    answers = np.where(random.random(len(TARGETS)) < share_right, TARGETS, random.integers(0, 3, len(TARGETS)))
    sureness = random.uniform(0.4, 1, (len(TARGETS), 1))
    return np.asarray(sureness * np.eye(3)[answers] + (1 - sureness) * random.dirichlet(np.ones(3), len(TARGETS)))


def params(**settings: object) -> Ensemble:
    return Ensemble.model_validate({"systems": "per_attribute"} | settings)


def test_equal_weights_ask_nobody() -> None:
    np.testing.assert_allclose(choose([noisy(0, 1), noisy(1, 2)], TARGETS, params()), [0.5, 0.5])


def test_given_weights_are_taken_as_they_are() -> None:
    given = Ensemble(systems=(("a",), ("b",)), weights=(3, 1))
    np.testing.assert_allclose(choose([noisy(0, 1), noisy(1, 2)], TARGETS, given), [0.75, 0.25])


def test_only_the_best_vote_and_the_first_of_equals() -> None:
    tables = [noisy(0.1, 1), noisy(0.9, 2), noisy(0.6, 3)]
    np.testing.assert_allclose(choose(tables, TARGETS, params(top_systems=1)), [0, 1, 0])
    np.testing.assert_allclose(choose(tables, TARGETS, params(top_systems=2)), [0, 0.5, 0.5])
    np.testing.assert_allclose(choose([tables[1]] * 3, TARGETS, params(top_systems=1)), [1, 0, 0])
    assert top([0.5, 0.7, 0.7, 0.1], 2) == [1, 2]
    assert top([0.5, 0.7], None) == [0, 1]


@pytest.mark.parametrize("vote", ["soft", "logit_mean", "hard"])
@settings(max_examples=10)
@given(seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_a_searched_mean_scores_no_less_than_its_best_system(vote: str, seeds: list[int]) -> None:
    tables, searched = [noisy(0.5, seed) for seed in seeds], params(vote=vote, weights="greedy")
    weights = choose(tables, TARGETS, searched)
    assert weights.sum() == pytest.approx(1)
    found = macro_f1(combine(tables, searched.vote, weights), TARGETS)
    assert found >= max(macro_f1(table, TARGETS) for table in tables) - 1e-9


def test_the_search_leaves_a_useless_system_out_and_finds_two_that_complete_each_other() -> None:
    half, other_half = np.full((60, 3), 1 / 3), np.full((60, 3), 1 / 3)
    half[:30], other_half[30:] = np.eye(3)[TARGETS[:30]], np.eye(3)[TARGETS[30:]]
    wrong = np.eye(3)[(TARGETS + 1) % 3]
    counts = greedy(np.stack([half, wrong, other_half]), TARGETS)
    assert counts[1] == 0
    assert (counts[[0, 2]] > 0).all()


def test_the_search_works_on_the_best_systems_only() -> None:
    tables = [noisy(0.9, 1), noisy(0.2, 2), noisy(0.9, 3)]
    weights = choose(tables, TARGETS, params(weights="greedy", top_systems=2))
    assert weights[1] == 0
