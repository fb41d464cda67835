"""nesting: every photo is predicted by what is fitted on the other groups, in its own place."""

import numpy as np

from pipeline.ensembling.nesting import Mask, nested
from pipeline.schema.probabilities import Table


def test_each_group_is_predicted_by_the_rest_in_the_order_of_the_photos() -> None:
    groups, numbers = np.array([2, 0, 2, 1, 0]), np.arange(5.0)

    def predict(own: Mask, rest: Mask) -> Table:
        return np.column_stack([numbers[own], np.full(own.sum(), numbers[rest].sum())])

    assert nested(groups, predict).tolist() == [[0, 8], [1, 5], [2, 8], [3, 7], [4, 5]]
