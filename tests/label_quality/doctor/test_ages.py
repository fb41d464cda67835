"""ages: what is put among the ages of random people is found, and hardly anything else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.label_quality.doctor.ages import Years, islands, lonely, runs


def random_ages(seed: int, count: int = 600) -> Years:
    """Half of the people under 30, none over 60."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(count) < 0.5, rng.integers(18, 30, count), rng.integers(30, 61, count)).astype(float)


def test_ages_in_random_order_are_not_suspicious() -> None:
    orders = [random_ages(seed) for seed in range(50)]
    assert sum(len(list(runs(ages))) + len(islands(ages)) + len(lonely(ages)) for ages in orders) <= 2


def test_a_long_run_of_one_age_is_found() -> None:
    ages = random_ages(0)
    ages[100:109] = 30
    ages[[99, 109]] = 31
    assert list(runs(ages)) == [(100, 109)]


def test_two_neighbours_of_one_age_are_no_run() -> None:
    ages = random_ages(1)
    ages[[10, 11]] = 60
    assert list(runs(ages)) == []


@pytest.mark.parametrize("years", [30, -30])
@pytest.mark.parametrize("width", [12, 25, 38])
def test_a_block_of_people_far_from_both_neighbours_is_found(width: int, years: int) -> None:
    ages = random_ages(2)
    ages[200 : 200 + width] += years
    ((start, end),) = islands(ages)
    assert start <= 200 + width / 2 <= end
    assert abs(start - 200) <= 10
    assert abs(end - 200 - width) <= 10


def test_a_step_from_young_to_old_is_no_island() -> None:
    ages = random_ages(3)
    ages[300:] += 25
    assert islands(ages) == []


@given(st.integers(0, 2**32 - 1), st.integers(0, 130), st.integers(0, 60))
def test_islands_do_not_overlap(seed: int, count: int, width: int) -> None:
    ages = random_ages(seed, count)
    ages[count // 2 : count // 2 + width] += 40
    found = islands(ages)
    assert all(left < right for left, right in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))


def test_an_age_that_nobody_is_near_is_found() -> None:
    ages = random_ages(4)
    ages[[17, 400]] = 5, 99
    assert lonely(ages) == [17, 400]


def test_no_age_is_suspicious_where_all_are_equal_or_there_are_none() -> None:
    for ages in (np.full(300, 30.0), np.zeros(0)):
        assert (list(runs(ages)), islands(ages), lonely(ages)) == ([], [], [])
