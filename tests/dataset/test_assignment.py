"""assignment: every cell has its share of units in every fold, or on both sides of a share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.assignment import held_out, to_folds


@given(st.lists(st.integers(0, 5), max_size=200), st.integers(2, 10), st.integers(0, 9))
def test_every_cell_is_assigned_evenly(cells: list[int], folds: int, seed: int) -> None:
    assigned = to_folds(cells, folds, seed)
    for cell in (None, *set(cells)):
        chosen = assigned if cell is None else assigned[np.array(cells) == cell]
        sizes = np.bincount(chosen, minlength=folds)
        assert len(sizes) == folds
        assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 5), max_size=200), st.floats(0.05, 0.95), st.integers(0, 9))
def test_the_held_out_share_of_a_cell_is_off_by_two_units_at_most(cells: list[int], share: float, seed: int) -> None:
    chosen = held_out(cells, share, seed)
    for cell in set(cells):
        own = np.array(cells) == cell
        assert abs(chosen[own].sum() - share * own.sum()) < 2


@given(st.lists(st.integers(0, 5), max_size=40), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_cell_of_two_units_or_more_has_some_on_both_sides(cells: list[int], share: float, seed: int) -> None:
    chosen = held_out(cells, share, seed)
    for cell in set(cells):
        own = chosen[np.array(cells) == cell]
        assert len(own) < 2 or 0 < own.sum() < len(own)


def test_large_cells_have_exactly_their_share() -> None:
    assert held_out(np.repeat([0, 1], 100), 0.3, seed=1).reshape(2, 100).sum(axis=1).tolist() == [30, 30]
