"""Scores of predicted classes: macro F1, accuracy and which attributes are wrong, from arrays of codes or counts."""

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.foundation.files import write_text
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

Scores = npt.NDArray[np.float64]
Counts = npt.NDArray[np.number[Any]]
"""Photos, or the sums of what they weigh."""


def confusion(targets: Codes, predictions: Codes, classes: int = SCHEMA.classes) -> Codes:
    """Counts (classes, classes) of photos by true class (row) and predicted class (column).

    Raises `ValueError` for a code outside 0..classes-1.
    """
    cells = np.ravel_multi_index((targets, predictions), (classes, classes))
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def accuracy(counts: Codes) -> float:
    """Share of photos on the diagonal of a confusion matrix; 0 without photos."""
    return float(np.trace(counts) / max(counts.sum(), 1))


def precision(counts: Codes) -> Scores:
    """Share of right photos among those predicted as each class; 0 for a class never predicted."""
    return _ratio(np.diag(counts), counts.sum(axis=0))


def recall(counts: Codes) -> Scores:
    """Share of right photos among those of each class; 0 for a class that never occurs."""
    return _ratio(np.diag(counts), counts.sum(axis=1))


def f1(counts: Counts) -> Scores:
    """F1 of each class, 2 TP / (2 TP + FP + FN); 0 for a class that neither occurs nor is predicted."""
    return _ratio(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def macro_f1(counts: Counts) -> float:
    """Mean F1 over all classes of a confusion matrix, absent ones (0) included: the competition's score."""
    return float(f1(counts).mean())


def table_macro_f1(table: Table, targets: Codes, weights: Scores | None = None) -> float:
    """Macro F1 of the likeliest classes of a table (n, classes), with a weight for each photo (n,) or 1 for all."""
    classes = table.shape[1]
    cells = np.ravel_multi_index((targets, table.argmax(axis=1)), (classes, classes))
    return macro_f1(np.bincount(cells, weights, minlength=classes**2).reshape(classes, classes))


def score(targets: Codes, predictions: Codes) -> dict[str, float]:
    """Macro F1 and accuracy of class codes (n,): `macro_f1` of all classes, `age_macro_f1` of an attribute, ..."""
    scores = _pair("", confusion(targets, predictions))
    true, predicted = SCHEMA.decode(targets), SCHEMA.decode(predictions)
    for attribute in SCHEMA.attributes:
        counts = confusion(true[attribute.name], predicted[attribute.name], len(attribute.values))
        scores |= _pair(f"{attribute.name}_", counts)
    return scores


def errors(targets: Codes, predictions: Codes) -> dict[str, int]:
    """Number of photos that are `right`, wrong in `mask` alone, ..., wrong in all of `mask,gender,age`."""
    true, predicted = SCHEMA.decode(targets), SCHEMA.decode(predictions)
    wrong = np.stack([true[name] != predicted[name] for name in SCHEMA.names], axis=-1)
    return {
        ",".join(subset) or "right": int((wrong == [name in subset for name in SCHEMA.names]).all(axis=-1).sum())
        for size in range(len(SCHEMA.names) + 1)
        for subset in combinations(SCHEMA.names, size)
    }


def write(path: Path, scores: Mapping[str, Any]) -> None:
    """Write scores as JSON: floats with six digits, so that the last bits of a sum do not change the file."""
    rounded = json.loads(json.dumps(scores), parse_float=lambda number: round(float(number), 6))
    write_text(path, json.dumps(rounded, indent=2) + "\n")


def _ratio(part: Counts, whole: Counts) -> Scores:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _pair(prefix: str, counts: Codes) -> dict[str, float]:
    return {f"{prefix}macro_f1": macro_f1(counts), f"{prefix}accuracy": accuracy(counts)}
