"""Pseudo labels: eval photos with a trained model's own labels, as further rows of its second training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats.arrays import Packed
from pipeline.foundation.errors import InputError
from pipeline.modeling import targets
from pipeline.modeling.config import Head
from pipeline.modeling.loader import Joined
from pipeline.modeling.sampling import Rows
from pipeline.modeling.targets import SoftTargets
from pipeline.schema import predictions
from pipeline.schema.probabilities import in_classes, likeliest
from pipeline.schema.schema import AGE, OLDEST, SCHEMA, Codes

COLUMNS = ("path", "label", "probability", "weight")
UNKNOWN = {one.name: 0 if one.bands else one.values[0] for one in SCHEMA.attributes}
"""Labels of the attributes that no head predicts."""


@dataclass(frozen=True)
class Teacher:
    """A first training's predictions of the eval photos, the share of each class that joins, and its weight.

    Hard targets are the likeliest classes: Lee 2013, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning
    Method for Deep Neural Networks. Soft targets are the probabilities: Hinton, Vinyals and Dean 2015, Distilling the
    Knowledge in a Neural Network, https://arxiv.org/abs/1503.02531, at temperature 1. A share per class is as in Zou et
    al. 2018, Class-Balanced Self-Training, https://arxiv.org/abs/1810.07911: a threshold would need calibrated
    probabilities, and lets frequent classes crowd out rare ones.
    """

    predictions: Path
    share: float
    weight: float
    soft: bool = False

    def labels(self, photos: Sequence[str], heads: Mapping[str, Head]) -> pd.DataFrame:
        """The pseudo labels, a row per photo: of each predicted class the share with the highest probability.

        `row` is its position among the photos, `label` names the heads' classes, `probability` is their product. The
        other columns are those of a table of labels; the age lies in the band of the head's target.

        Raises:
            InputError: When the predictions are of other photos or other heads.
        """
        predicted = predictions.read_for(self.predictions, photos)
        if list(predicted) != list(heads):
            raise InputError(
                f"{self.predictions}: heads {', '.join(predicted)}, not {', '.join(heads)}; run `dvc repro`"
            )
        table = pd.DataFrame({"path": photos, "row": np.arange(len(photos)), "person": "", **UNKNOWN, "fold": -1})
        codes = {name: likeliest(predicted[name]) for name in heads}
        for name, head in heads.items():
            table = table.assign(**_values(name, head, codes[name]))
        readable = [np.array(SCHEMA.head(name).class_names)[codes[name]] for name in heads]
        table["label"] = [" ".join(row) for row in zip(*readable, strict=True)]
        probability = np.prod([in_classes(numbers).max(axis=1) for numbers in predicted.values()], axis=0)
        table = table.assign(probability=probability, weight=self.weight)
        return table.iloc[_most_probable(table["label"], probability, self.share)].reset_index(drop=True)

    def soft_targets(self, photos: Sequence[str], rows: Rows) -> SoftTargets:
        """The probabilities (m, k) of every head for some rows (m,) of the photos; none where targets are hard."""
        if not self.soft:
            return {}
        predicted = predictions.read_for(self.predictions, photos)
        return {name: numbers[rows].astype(np.float32) for name, numbers in predicted.items()}


def join(
    photos: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_], labels: pd.DataFrame, eval_crops: Packed
) -> tuple[pd.DataFrame, Packed, npt.NDArray[np.bool_]]:
    """Photos (n), their crops, and which are held out, followed by the pseudo-labelled eval photos (m)."""
    return (
        pd.concat([photos.assign(weight=targets.weights(photos)), labels], ignore_index=True),
        Joined(crops, eval_crops, labels["row"].to_numpy(np.int64)),
        np.append(held_out, np.zeros(len(labels), np.bool_)),
    )


def _most_probable(labels: pd.Series, probability: npt.NDArray[np.floating[Any]], share: float) -> Rows:
    """Positions, in order, of the given share of every label (n,) with the highest probability (n,)."""
    rank = (-pd.Series(probability)).groupby(labels.to_numpy()).rank(method="first")
    count = labels.groupby(labels.to_numpy()).transform("size").to_numpy()
    return np.flatnonzero(rank.to_numpy() <= np.round(share * count))


def _values(name: str, head: Head, codes: Codes) -> dict[str, npt.NDArray[Any]]:
    """The values of each attribute of a head, as in a table of labels, from the head's codes (n,)."""
    years = np.array([0, *((low + high) // 2 for low, high in pairwise(head.bands)), OLDEST])
    product = SCHEMA.head(name)
    labels: dict[str, npt.NDArray[Any]] = {**product.value_names(codes)}
    if AGE.name in labels:
        labels[AGE.name] = years[product.decode(codes)[AGE.name]]
    return labels
