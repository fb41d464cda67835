"""Targets of training and evaluation: codes of classes or years, or years, from the table of labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.modeling.config import Head
from pipeline.schema.probabilities import year_codes
from pipeline.schema.schema import SCHEMA, Codes

Target = npt.NDArray[np.int64] | npt.NDArray[np.float32]
Targets = dict[str, Target]
SoftTargets = Mapping[str, npt.NDArray[np.float32]]
"""By head, the probabilities (m, k) that the last m rows of the data are trained on, in place of their classes."""


def train_targets(table: pd.DataFrame, heads: Mapping[str, Head]) -> Targets:
    """Training targets of every head: codes (n,) on the head's own age bands or of `YEARS`, or years (n,)."""
    return {name: _of_head(name, head, table) for name, head in heads.items()}


def strata(table: pd.DataFrame, heads: Mapping[str, Head]) -> Codes:
    """Joint class (n,) of every row over all heads, on their own age bands; sampling balances these classes."""
    joint = np.stack([SCHEMA.head(name).codes(table, head.bands) for name, head in heads.items()])
    return np.asarray(np.unique(joint, axis=1, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def classes(table: pd.DataFrame, heads: Mapping[str, Head]) -> Codes:
    """Class codes 0..17 (n,) of every row, on the age bands of the training targets."""
    bands = [head.bands for name, head in heads.items() if "age" in SCHEMA.head(name).names]
    return SCHEMA.codes(table, *bands)


def kept(table: pd.DataFrame, drop_ages: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Whether each row's age (n,) lies outside all ranges; a range includes both of its ends."""
    ages = table["age"].to_numpy()
    keep = np.ones(len(table), dtype=np.bool_)
    for youngest, oldest in drop_ages:
        keep &= (ages < youngest) | (ages > oldest)
    return keep


def weights(table: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Weight of every row (n,) in the loss: the column `weight`, or 1 where there is none."""
    return table["weight"].to_numpy(np.float32) if "weight" in table else np.ones(len(table), dtype=np.float32)


def eval_targets(table: pd.DataFrame, heads: Mapping[str, Head]) -> dict[str, Codes]:
    """Evaluation targets of every head: codes (n,), always on the age bands of the label schema."""
    return {name: SCHEMA.head(name).codes(table) for name in heads}


def _of_head(name: str, head: Head, table: pd.DataFrame) -> Target:
    match head.kind:
        case "regression":
            return table["age"].to_numpy(np.float32)
        case "distribution":
            return year_codes(table["age"].to_numpy())
        case _:
            return SCHEMA.head(name).codes(table, head.bands)
