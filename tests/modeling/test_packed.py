"""packed: rows of two files as one."""

import numpy as np
import pytest

from pipeline.modeling.packed import Joined


def test_rows_of_a_second_file_follow_those_of_the_first() -> None:
    first, second = (np.random.default_rng(seed).integers(0, 256, (5, 4, 4, 3), np.uint8) for seed in (0, 1))
    joined = Joined(first, second, np.array([4, 1]))
    assert len(joined) == 7
    expected = np.concatenate([first, second[[4, 1]]])
    np.testing.assert_array_equal([joined[row] for row in range(7)], expected)
    with pytest.raises(IndexError):
        joined[7]
