"""Pseudo labels: the eval photos that a trained model is sure of, as further rows of its next training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import Head
from pipeline.schema import predictions
from pipeline.schema.heads import attributes
from pipeline.schema.labels import ATTRIBUTES, OLDEST, Codes, names, shape

UNKNOWN = {"mask": ATTRIBUTES["mask"][0], "gender": ATTRIBUTES["gender"][0], "age": 0}  # where no head tells


@dataclass(frozen=True)
class Teacher:
    """A first round's predictions of the eval photos, how sure it has to be, and how much such a label weighs.

    Lee 2013, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks.
    """

    predictions: Path
    confidence: float
    weight: float

    def labels(self, photos: Sequence[str], heads: Mapping[str, Head]) -> pd.DataFrame:
        """A row for each of the photos of which all heads together are sure.

        `row` is its position among the photos, `label` the names of the heads' classes, `probability` the product
        of theirs. The rest is as in a table of labels, with an age that lies in the band of the head's target.
        Raises `InputError` unless the predictions are of these photos and these heads.
        """
        said = predictions.read_for(self.predictions, photos)
        if list(said) != list(heads):
            raise InputError(f"{self.predictions}: heads {', '.join(said)}, not {', '.join(heads)}; run `dvc repro`")
        table = pd.DataFrame({"path": photos, "row": np.arange(len(photos)), "person": "", **UNKNOWN, "fold": -1})
        codes = {name: said[name].argmax(axis=1) for name in heads}
        for name, head in heads.items():
            table = table.assign(**_values(name, head, codes[name]))
        readable = [np.array(names(attributes(name)))[codes[name]] for name in heads]
        table["label"] = [" ".join(row) for row in zip(*readable, strict=True)]
        probability = np.prod([numbers.max(axis=1) for numbers in said.values()], axis=0)
        table = table.assign(probability=probability, weight=self.weight)
        return table.iloc[np.flatnonzero(probability >= self.confidence)].reset_index(drop=True)


def _values(name: str, head: Head, codes: Codes) -> dict[str, npt.NDArray[Any]]:
    """What the codes (n,) of a head say of each of its attributes, in the words of a table of labels."""
    youngest, oldest = head.bands
    words = {**ATTRIBUTES, "age": (0, (youngest + oldest) // 2, OLDEST)}
    parts = attributes(name)
    return {
        part: np.asarray(words[part])[position]
        for part, position in zip(parts, np.unravel_index(codes, shape(parts)), strict=True)
    }
