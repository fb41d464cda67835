"""What a head is trained on and judged by: class codes or years, from the table of labels. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.modeling.config import Head
from pipeline.schema.schema import SCHEMA, Codes

Targets = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]]


def train_targets(table: pd.DataFrame, heads: Mapping[str, Head]) -> Targets:
    """Training targets of every head: codes (n,) on the head's own age bands, or years (n,)."""
    return {
        name: table["age"].to_numpy(np.float32)
        if head.kind == "regression"
        else SCHEMA.head(name).codes(table, head.bands)
        for name, head in heads.items()
    }


def strata(table: pd.DataFrame, heads: Mapping[str, Head]) -> Codes:
    """The joint class (n,) of every row over all heads, on their own age bands: what sampling balances."""
    joint = np.stack([SCHEMA.head(name).codes(table, head.bands) for name, head in heads.items()])
    return np.asarray(np.unique(joint, axis=1, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def classes(table: pd.DataFrame, heads: Mapping[str, Head]) -> Codes:
    """Class codes 0..17 (n,) of every row, on the age bands that the heads are train_targets."""
    bands = [head.bands for name, head in heads.items() if "age" in SCHEMA.head(name).names]
    return SCHEMA.codes(table, *bands)


def kept(table: pd.DataFrame, drop_ages: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Whether a row's age (n,) is in none of the ranges, both ends of which are dropped."""
    ages = table["age"].to_numpy()
    kept = np.ones(len(table), dtype=np.bool_)
    for youngest, oldest in drop_ages:
        kept &= (ages < youngest) | (ages > oldest)
    return kept


def weights(table: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Weight of every row (n,) in the loss: the column `weight`, or 1 where there is none."""
    return table["weight"].to_numpy(np.float32) if "weight" in table else np.ones(len(table), dtype=np.float32)


def eval_targets(table: pd.DataFrame, heads: Mapping[str, Head]) -> dict[str, Codes]:
    """Codes (n,) by which every head is judged: always on the eval_targets age bands."""
    return {name: SCHEMA.head(name).codes(table) for name in heads}
