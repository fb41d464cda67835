"""Stacking: a second model that predicts classes from the log probabilities of all systems.

Wolpert 1992, Stacked Generalization, https://doi.org/10.1016/S0893-6080(05)80023-1: it is fitted on predictions of
photos that the systems were not trained on.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.ensembling.config import Stacking
from pipeline.ensembling.voting import MIN_PROBABILITY
from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.schema.probabilities import Table, softmax
from pipeline.schema.schema import Codes

DIGITS = 9
"""Decimals of what is fitted: the last bits of a sum do not change ensemble.json."""
NEVER = -50.0
"""Intercept of a class that no photo has."""
TREES = 60
BOOSTING: dict[str, Any] = {
    "objective": "multiclass",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 50,
    "lambda_l2": 1.0,
    "seed": 777,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Small trees with many photos in a leaf: seven photos of a person are alike."""


class Regression(Section):
    """A multinomial logistic regression.

    Attributes:
        coefficients: By feature, a coefficient for every class.
        intercepts: By class.
    """

    coefficients: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]

    def predict(self, tables: Sequence[Table]) -> Table:
        """Probabilities (n, classes) from those of every system."""
        return softmax(features(tables) @ np.asarray(self.coefficients) + np.asarray(self.intercepts))


class Boosting(Section):
    """Gradient-boosted trees: Ke et al. 2017, LightGBM: A Highly Efficient Gradient Boosting Decision Tree.

    Attributes:
        trees: The trees in LightGBM's own text.
    """

    trees: str

    def predict(self, tables: Sequence[Table]) -> Table:
        """Probabilities (n, classes) from those of every system; raises `InputError` without LightGBM."""
        found = _lightgbm().Booster(model_str=self.trees).predict(features(tables), num_threads=1)
        return np.asarray(found, np.float64)


Stacker = Regression | Boosting


def fit(tables: Sequence[Table], targets: Codes, kind: Stacking) -> Stacker:
    """Fit a second model.

    Args:
        tables: Out-of-fold probabilities (n, classes) of every system.
        targets: Class codes (n,).
        kind: Which model.

    Raises:
        InputError: When LightGBM is not installed.
    """
    x, classes = features(tables), tables[0].shape[1]
    if kind == "boosting":
        lightgbm = _lightgbm()
        trees = lightgbm.train(BOOSTING | {"num_class": classes}, lightgbm.Dataset(x, targets), TREES)
        return Boosting(trees=trees.model_to_string())
    return _regression(x, targets, classes)


def features(tables: Sequence[Table]) -> Table:
    """Log probabilities (n, systems x classes) of all systems, none below that of one in a million."""
    joined: Table = np.concatenate(tables, axis=1, dtype=np.float64)
    return np.log(np.maximum(joined, MIN_PROBABILITY))


def _regression(x: Table, y: Codes, classes: int) -> Regression:
    """With scikit-learn's own penalty, half the sum of squared coefficients; on one thread, for equal results."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    present = np.unique(y)
    coefficients, intercepts = np.zeros((x.shape[1], classes)), np.full(classes, NEVER)
    if len(present) == 1:
        intercepts[present] = 0
    else:
        with threadpool_limits(1):
            fitted = LogisticRegression(max_iter=2000).fit(x, y)
        two = len(present) == 2  # then scikit-learn has the logit of the second alone
        coefficients[:, present[1:] if two else present] = fitted.coef_.T
        intercepts[present] = [0, fitted.intercept_[0]] if two else fitted.intercept_
    return Regression(
        coefficients=tuple(map(tuple, coefficients.round(DIGITS).tolist())),
        intercepts=tuple(intercepts.round(DIGITS).tolist()),
    )


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError:
        raise InputError(
            "ensemble.stacking boosting: lightgbm is not installed; `uv pip install '.[boosting]'` brings it"
        ) from None
    return lightgbm
