"""voting: three ways to make one table of several, each with what it is known for."""

import numpy as np
import pytest

from pipeline.ensembling.voting import Vote, combine, macro_f1
from pipeline.schema.probabilities import Table

VOTES: tuple[Vote, ...] = ("soft", "logit_mean", "hard")


def tables(voters: int, rows: int = 40, classes: int = 6) -> list[Table]:
    return list(np.random.default_rng(777).dirichlet(np.ones(classes), (voters, rows)))


@pytest.mark.parametrize("vote", VOTES)
def test_every_vote_is_a_distribution(vote: Vote) -> None:
    table = combine(tables(3), vote)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert (table >= 0).all()


@pytest.mark.parametrize("vote", VOTES)
def test_one_voter_alone_and_voters_that_agree_have_their_way(vote: Vote) -> None:
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


def test_a_hard_vote_counts_heads_not_confidence() -> None:
    wavering, sure = np.array([[0.4, 0.6]]), np.array([[0.99, 0.01]])
    assert combine([wavering, wavering, sure], "hard").argmax() == 1
    assert combine([wavering, wavering, sure], "soft").argmax() == 0


def test_equal_hard_votes_go_to_the_higher_mean_probability() -> None:
    assert combine([np.array([[0.6, 0.4]]), np.array([[0.1, 0.9]])], "hard").argmax() == 1
    assert combine([np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]])], "hard").argmax() == 0


def test_the_score_is_that_of_the_likeliest_classes() -> None:
    table = np.eye(3)[[0, 1, 2, 2]]
    assert macro_f1(table, np.array([0, 1, 2, 2])) == 1
    assert macro_f1(table, np.array([0, 1, 1, 1])) == pytest.approx((1 + 0.5 + 0) / 3)


@pytest.mark.parametrize("least", [1.0, 0.01])
def test_macro_f1_counts_photos_as_often_as_they_weigh(least: float) -> None:
    (table,), draw = tables(1), np.random.default_rng(0)
    targets, times = draw.integers(6, size=40), draw.integers(0, 4, 40)
    expected = macro_f1(table.repeat(times, axis=0), targets.repeat(times))
    assert macro_f1(table, targets, np.asarray(least * times)) == pytest.approx(expected)
