"""voting: three kinds of votes, each with its known property, and the choice of systems by their scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.ensembling.config import Ensemble, Vote
from pipeline.ensembling.voting import choose_weights, combine, greedy_counts, stacked, top
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

VOTES: tuple[Vote, ...] = ("soft", "logit_mean", "hard")


def tables(voters: int, rows: int = 40, classes: int = 6) -> list[Table]:
    return list(np.random.default_rng(777).dirichlet(np.ones(classes), (voters, rows)))


@pytest.mark.parametrize("vote", VOTES)
def test_every_vote_is_a_distribution(vote: Vote) -> None:
    table = combine(tables(3), vote)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert (table >= 0).all()


@pytest.mark.parametrize("vote", VOTES)
def test_one_voter_alone_and_voters_that_agree_are_followed(vote: Vote) -> None:
    (table,) = tables(1)
    for voters in ([table], [table] * 3):
        np.testing.assert_array_equal(combine(voters, vote).argmax(axis=1), table.argmax(axis=1))


@pytest.mark.parametrize("vote", VOTES)
def test_a_weight_counts_like_that_many_equal_voters(vote: Vote) -> None:
    one, other = tables(2)
    weighted = combine([one, other], vote, np.array([2.0, 1.0]))
    np.testing.assert_allclose(weighted, combine([one, one, other], vote))
    np.testing.assert_allclose(combine([one, other], vote, np.array([0.0, 3.0])), combine([other], vote))


def test_a_soft_vote_is_the_mean_probability() -> None:
    one, other = tables(2)
    np.testing.assert_allclose(combine([one, other], "soft"), (one + other) / 2)


def test_the_mean_logit_is_the_geometric_mean_and_a_single_zero_is_no_veto() -> None:
    one, other = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])
    roots = np.sqrt(one * other)
    np.testing.assert_allclose(combine([one, other], "logit_mean"), roots / roots.sum())
    sure = np.array([[0.0, 1.0]])
    assert combine([np.array([[0.999, 0.001]])] * 3 + [sure], "logit_mean").argmax() == 0


def test_a_hard_vote_ignores_confidence() -> None:
    unsure, sure = np.array([[0.4, 0.6]]), np.array([[0.99, 0.01]])
    assert combine([unsure, unsure, sure], "hard").argmax() == 1
    assert combine([unsure, unsure, sure], "soft").argmax() == 0


def test_equal_hard_votes_go_to_the_higher_mean_probability() -> None:
    assert combine([np.array([[0.6, 0.4]]), np.array([[0.1, 0.9]])], "hard").argmax() == 1
    assert combine([np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]])], "hard").argmax() == 0


def test_the_score_is_that_of_the_likeliest_classes() -> None:
    table = np.eye(3)[[0, 1, 2, 2]]
    assert table_macro_f1(table, np.array([0, 1, 2, 2])) == 1
    assert table_macro_f1(table, np.array([0, 1, 1, 1])) == pytest.approx((1 + 0.5 + 0) / 3)


@pytest.mark.parametrize("least", [1.0, 0.01])
def test_macro_f1_counts_photos_as_often_as_they_weigh(least: float) -> None:
    (table,), draw = tables(1), np.random.default_rng(0)
    targets, times = draw.integers(6, size=40), draw.integers(0, 4, 40)
    expected = table_macro_f1(table.repeat(times, axis=0), targets.repeat(times))
    assert table_macro_f1(table, targets, np.asarray(least * times)) == pytest.approx(expected)


TARGETS: Codes = np.arange(60) % 3


def noisy(share_right: float, seed: int) -> Table:
    """A system that is right in about a share of the photos, and more or less sure."""
    random = np.random.default_rng(seed)
    answers = np.where(random.random(len(TARGETS)) < share_right, TARGETS, random.integers(0, 3, len(TARGETS)))
    sureness = random.uniform(0.4, 1, (len(TARGETS), 1))
    return np.asarray(sureness * np.eye(3)[answers] + (1 - sureness) * random.dirichlet(np.ones(3), len(TARGETS)))


def ensemble(**settings: object) -> Ensemble:
    return Ensemble.model_validate({"systems": "per_attribute"} | settings)


def test_equal_weights_depend_on_no_labels() -> None:
    np.testing.assert_allclose(choose_weights([noisy(0, 1), noisy(1, 2)], TARGETS, ensemble()), [0.5, 0.5])


def test_given_weights_are_normalised() -> None:
    given = Ensemble(systems=(("a",), ("b",)), weights=(3, 1))
    np.testing.assert_allclose(choose_weights([noisy(0, 1), noisy(1, 2)], TARGETS, given), [0.75, 0.25])


def test_only_the_best_systems_vote_and_the_first_of_equals() -> None:
    tables = [noisy(0.1, 1), noisy(0.9, 2), noisy(0.6, 3)]
    np.testing.assert_allclose(choose_weights(tables, TARGETS, ensemble(top_systems=1)), [0, 1, 0])
    np.testing.assert_allclose(choose_weights(tables, TARGETS, ensemble(top_systems=2)), [0, 0.5, 0.5])
    np.testing.assert_allclose(choose_weights([tables[1]] * 3, TARGETS, ensemble(top_systems=1)), [1, 0, 0])
    assert top([0.5, 0.7, 0.7, 0.1], 2) == [1, 2]
    assert top([0.5, 0.7], None) == [0, 1]


@pytest.mark.parametrize("vote", ["soft", "logit_mean", "hard"])
@settings(max_examples=10)
@given(seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_a_greedy_mean_scores_no_less_than_its_best_system(vote: str, seeds: list[int]) -> None:
    tables, params = [noisy(0.5, seed) for seed in seeds], ensemble(vote=vote, weights="greedy")
    weights = choose_weights(tables, TARGETS, params)
    assert weights.sum() == pytest.approx(1)
    found = table_macro_f1(combine(tables, params.vote, weights), TARGETS)
    assert found >= max(table_macro_f1(table, TARGETS) for table in tables) - 1e-9


def test_the_greedy_search_leaves_a_useless_system_out_and_takes_two_that_complement_each_other() -> None:
    half, other_half = np.full((60, 3), 1 / 3), np.full((60, 3), 1 / 3)
    half[:30], other_half[30:] = np.eye(3)[TARGETS[:30]], np.eye(3)[TARGETS[30:]]
    wrong = np.eye(3)[(TARGETS + 1) % 3]
    counts = greedy_counts(np.stack([half, wrong, other_half]), TARGETS)
    assert counts[1] == 0
    assert (counts[[0, 2]] > 0).all()


def test_stacked_weights_are_the_shares_of_a_mixture() -> None:
    draw = np.random.default_rng(0)
    sharp, vague = draw.dirichlet(np.full(4, 0.1), 4000), draw.dirichlet(np.full(4, 2.0), 4000)
    useless = draw.dirichlet(np.ones(4), 4000)
    true = np.where(draw.random((4000, 1)) < 0.7, sharp, vague)
    targets = np.array([draw.choice(4, p=row) for row in true])
    weights = stacked([sharp, vague, useless], targets)
    assert weights == pytest.approx([0.7, 0.3, 0], abs=0.05)
    chosen = choose_weights([sharp, useless, vague], targets, ensemble(weights="stacked", top_systems=2))
    assert chosen == pytest.approx([weights[0], 0, weights[1]], abs=0.01)


def test_only_mean_probabilities_are_stacked() -> None:
    with pytest.raises(ValidationError, match="set vote to soft, not hard"):
        ensemble(weights="stacked", vote="hard")


def test_the_greedy_search_is_among_the_best_systems() -> None:
    tables = [noisy(0.9, 1), noisy(0.2, 2), noisy(0.9, 3)]
    weights = choose_weights(tables, TARGETS, ensemble(weights="greedy", top_systems=2))
    assert weights[1] == 0
