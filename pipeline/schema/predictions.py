"""Prediction files: Parquet with a row per photo and, for each head, a column per class, per year, or one of years."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import tables
from pipeline.formats.tables import Rows
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.probabilities import YEARS, Heads, Numbers, Table, is_distribution
from pipeline.schema.schema import SCHEMA

ONE_COLUMN = "years"
DISTRIBUTION = [str(year) for year in YEARS]


def write(path: Path, photos: Iterable[str], heads: Heads) -> None:
    """Write a row per photo: `path`, then the columns of `columns`."""
    table = columns(heads)
    table.insert(0, "path", list(photos))
    tables.write(table, path)


def columns(heads: Heads) -> pd.DataFrame:
    """The predictions of heads, a row per photo: `<head>=<class>` or `<head>=<year>` for each, or `<head>=years`."""
    return pd.DataFrame(
        {
            f"{head}={value}": column
            for head, numbers in heads.items()
            for value, column in zip(_values(head, numbers), numbers.reshape(len(numbers), -1).T, strict=True)
        }
    )


def read(path: Path) -> tuple[list[str], dict[str, Table]]:
    """The paths of the photos (n) in a prediction file, and the predictions of each head.

    These are probabilities (n, classes) or (n, years), or ages in years (n,).

    Raises:
        InputError: When the file is missing or malformed, or its columns are not those of heads.
    """
    photos = paths(path)
    return list(photos), read_for(path, photos)


def paths(path: Path) -> "pd.Series[str]":
    """The paths (n,) of the photos in a prediction file, each once. Raises as `read` does."""
    table = _paths(path)
    tables.require_unique(path, table, "path")
    return table["path"]


def read_for(path: Path, photos: "Sequence[str] | pd.Series[str]") -> dict[str, Table]:
    """What each head predicts, in the order of `photos` (n). Raises as `PredictionFile` does."""
    return PredictionFile(path, pd.Series(photos, dtype="str")).read(np.arange(len(photos)))


class PredictionFile:
    """A prediction file, for photos in an order of their own; only those that are asked for are read into memory."""

    def __init__(self, path: Path, photos: "pd.Series[str]") -> None:
        """Find the photos (n) in a file.

        Raises:
            InputError: When the file is missing or malformed, its columns are not those of heads, or it does not hold
                exactly these photos.
        """
        self._path, self._heads = path, _heads(path)
        found = _paths(path)["path"]
        self._rows: Rows | None = None
        if not found.equals(photos.reset_index(drop=True)):
            raise_faults(f"{path}: not the photos of this data set: run `dvc repro`", mismatches(photos, found))
            self._rows = pd.Index(found).get_indexer(pd.Index(photos))

    def read(self, positions: Rows) -> dict[str, Table]:
        """What each head predicts for the photos at some positions (k,): (k, classes), (k, years), or years (k,).

        Raises:
            InputError: When a prediction is no number.
        """
        rows = positions if self._rows is None else self._rows[positions]
        columns: dict[str, tables.Kind] = {column: "number" for head in self._heads.values() for column in head}
        table = tables.take(self._path, columns, rows)
        return {head: _numbers(table, columns) for head, columns in self._heads.items()}


def mismatches(expected: "Sequence[str] | pd.Series[str]", found: "Sequence[str] | pd.Series[str]") -> list[str]:
    """A line for every photo that is missing, unexpected or repeated; none when each is found exactly once."""
    wanted, there = (pd.Series(photos, dtype="str").reset_index(drop=True) for photos in (expected, found))
    if there.equals(wanted) and there.is_unique:
        return []
    wanted = wanted.drop_duplicates()
    distinct, counts = there.drop_duplicates(), there[there.duplicated(keep=False)].value_counts()
    return [
        *(f"no row for {photo}" for photo in sorted(wanted[~wanted.isin(distinct)])),
        *(f"a row for {photo}, which is not expected" for photo in sorted(distinct[~distinct.isin(wanted)])),
        *(f"{count} rows for {photo}" for photo, count in sorted(counts.items())),
    ]


def _values(head: str, numbers: Numbers) -> list[str]:
    if numbers.ndim == 1:
        return [ONE_COLUMN]
    return DISTRIBUTION if is_distribution(numbers) else SCHEMA.head(head).class_names


def _paths(path: Path) -> pd.DataFrame:
    return pd.concat(tables.batches(path, {"path": "text"}), ignore_index=True)


def _heads(path: Path) -> dict[str, list[str]]:
    """The columns of each head of a file, in their order."""
    heads: dict[str, list[str]] = {}
    for column in tables.names(path):
        if column != "path":
            heads.setdefault(column.partition("=")[0], []).append(column)
    for head, columns in heads.items():
        _require_values(path, head, [column.partition("=")[2] for column in columns])
    return heads


def _require_values(path: Path, head: str, values: list[str]) -> None:
    try:
        expected = values if values in ([ONE_COLUMN], DISTRIBUTION) else SCHEMA.head(head).class_names
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if values != expected:
        raise InputError(f"{path}: columns {head}={', '.join(values)} are not the classes of head '{head}'")


def _numbers(table: pd.DataFrame, columns: list[str]) -> Table:
    numbers = table[columns].to_numpy(np.float64)
    return numbers[:, 0] if columns[0].endswith(f"={ONE_COLUMN}") else numbers
