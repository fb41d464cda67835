"""What a head is taught: class codes or years, from the table of labels. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import labels
from pipeline.entries import Head, attributes

Targets = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]]


def codes(table: pd.DataFrame, parts: Sequence[str], bands: Sequence[int] = labels.SCORED_BANDS) -> labels.Codes:
    """Code of every row in the product of the named attributes, with age cut at `bands`."""
    values = {
        "mask": lambda: _positions(table["mask"], labels.MASKS),
        "gender": lambda: _positions(table["gender"], labels.GENDERS),
        "age": lambda: labels.band(table["age"].to_numpy(), bands),
    }
    product = np.ravel_multi_index(tuple(values[part]() for part in parts), labels.shape(parts))
    return np.asarray(product, dtype=np.int64)


def taught(table: pd.DataFrame, heads: Mapping[str, Head]) -> Targets:
    """Training targets of every head: codes (n,) on the head's own age bands, or years (n,)."""
    return {
        name: table["age"].to_numpy(np.float32) if head.kind == "years" else codes(table, attributes(name), head.bands)
        for name, head in heads.items()
    }


def scored(table: pd.DataFrame, heads: Mapping[str, Head]) -> dict[str, labels.Codes]:
    """Codes (n,) by which every head is judged: always on the scored age bands."""
    return {name: codes(table, attributes(name)) for name in heads}


def _positions(values: "pd.Series[str]", names: Sequence[str]) -> labels.Codes:
    return np.asarray(pd.Index(names).get_indexer(pd.Index(values)), dtype=np.int64)
