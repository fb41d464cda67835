"""Weights of photos in the losses of training, from tables that are named in params.yaml."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults

COLUMNS: dict[str, tables.Kind] = {"path": "text", "weight": "number"}


def read(folder: Path, names: Sequence[str], photos: Iterable[str]) -> "pd.Series[float]":
    """The weight of every photo (n,), indexed by its path: the product of those in all files, 1 in none.

    Args:
        folder: The folder of the files, CSV with the columns `path` and `weight`.
        names: Names of files, with or without `.csv`.
        photos: The paths of the labels.

    Raises:
        InputError: When a file is missing or malformed, a photo is there twice or not in the labels, or a weight is
            negative.
    """
    weights = pd.Series(1.0, index=list(photos))
    for name in names:
        path = folder / f"{name.removesuffix('.csv')}.csv"
        if not path.is_file():
            there = ", ".join(sorted(file.stem for file in folder.glob("*.csv"))) or "none"
            raise InputError(f"relabel.weights: no file {path}; there are: {there}")
        table = tables.read(path, COLUMNS, unique="path").set_index("path")["weight"]
        rows = pd.Series(range(2, len(table) + 2), index=table.index)
        unknown, negative = table.index[~table.index.isin(weights.index)], table.index[table < 0]
        faults = [f"row {rows[photo]}: {photo} is not in the labels" for photo in unknown]
        faults += [f"row {rows[photo]}: weight {table[photo]:g} is negative" for photo in negative]
        raise_faults(f"{path}: wrong weights of photos", faults)
        weights *= table.reindex(weights.index, fill_value=1.0)
    return weights
