"""Nested predictions: each group of photos is predicted by what is fitted on the other groups."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

Mask = npt.NDArray[np.bool_]
Fitted = TypeVar("Fitted")


def fit(groups: Codes, fit_rest: Callable[[Mask], Fitted]) -> dict[int, Fitted]:
    """What is fitted without each group, by the group.

    Args:
        groups: Group (n,) of every photo.
        fit_rest: What is fitted on the photos of a mask (n,).
    """
    return {group: fit_rest(groups != group) for group in np.unique(groups).tolist()}


def predict(groups: Codes, predict_group: Callable[[int, Mask], Table]) -> Table:
    """Predictions (n, k) of all photos, group by group.

    Args:
        groups: Group (n,) of every photo.
        predict_group: From a group and the mask (n,) of its photos, their predictions.
    """
    masks = {group: groups == group for group in np.unique(groups).tolist()}
    rows = np.concatenate([np.flatnonzero(mask) for mask in masks.values()])
    return np.concatenate([predict_group(group, mask) for group, mask in masks.items()])[np.argsort(rows)]


def nested(groups: Codes, predict_group: Callable[[Mask, Mask], Table]) -> Table:
    """Predictions (n, k) of all photos, whose score is unbiased by what was fitted.

    Args:
        groups: Group (n,) of every photo.
        predict_group: From the masks (n,) of one group and of the rest, predictions of the group by what is fitted on
            the rest.
    """
    return predict(groups, lambda _, mask: predict_group(mask, ~mask))
