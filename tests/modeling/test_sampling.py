import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.modeling.config.sampling import Balanced, Oversample, Sampling, Shuffle, Weighted
from pipeline.modeling.sampling import Rows, order, oversampled, repeats

ROWS = np.arange(1000, 2000)
STRATA = np.repeat([0, 1, 2], [800, 180, 20])


def shares(sampling: Sampling) -> list[float]:
    """Share of each class among the rows of twenty epochs."""
    random = np.random.default_rng(0)
    drawn = np.concatenate([order(ROWS, STRATA, sampling, random) for _ in range(20)])
    return list(np.bincount(STRATA[drawn - 1000]) / len(drawn))


def test_a_shuffle_has_every_row_once() -> None:
    assert sorted(order(ROWS, STRATA, Shuffle(), np.random.default_rng(0))) == ROWS.tolist()


def test_balanced_sampling_makes_every_class_equally_likely() -> None:
    np.testing.assert_allclose(shares(Balanced()), 1 / 3, atol=0.02)


def test_the_strength_of_weighted_sampling_goes_from_the_data_to_balance() -> None:
    np.testing.assert_allclose(shares(Weighted(strength=0)), [0.8, 0.18, 0.02], atol=0.02)
    np.testing.assert_allclose(shares(Weighted(strength=1)), 1 / 3, atol=0.02)
    root = np.sqrt([800, 180, 20])
    np.testing.assert_allclose(shares(Weighted(strength=0.5)), root / root.sum(), atol=0.02)


def test_an_epoch_has_as_many_rows_however_it_is_sampled() -> None:
    for sampling in (Shuffle(), Balanced(), Weighted()):
        assert len(order(ROWS, STRATA, sampling, np.random.default_rng(0))) == len(ROWS)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_repeats_count_how_often_a_row_has_come_before(rows: list[int]) -> None:
    found = repeats(np.array(rows, dtype=np.int64))
    assert found.tolist() == [rows[:place].count(row) for place, row in enumerate(rows)]


def test_rare_classes_are_enlarged_and_spared_ones_are_not() -> None:
    classes = np.array([0, 5, 0, 17, 5])
    rows: Rows = np.array([0, 1, 3])
    found = oversampled(rows, classes, Oversample(times=3, exclude=(0,)))
    copies, originals = np.divmod(found, len(classes))
    assert sorted(zip(originals.tolist(), copies.tolist(), strict=True)) == [
        (0, 0),
        *((row, copy) for row in (1, 3) for copy in (0, 1, 2)),
    ]
    assert oversampled(rows, classes, None) is rows
