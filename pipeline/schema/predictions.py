"""Prediction files: Parquet with a row per photo and, for each head, a column per class, per year, or one of years."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import tables
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
    photos, heads = _read(path)
    return list(photos), heads


def _read(path: Path) -> tuple["pd.Series[str]", dict[str, Table]]:
    table = tables.read(path, {"path": "text"}, others="number", unique="path")
    heads: dict[str, list[str]] = {}
    for column in table.columns.drop("path"):
        head, _, value = column.partition("=")
        heads.setdefault(head, []).append(value)
    return table["path"], {head: _numbers(path, table, head, values) for head, values in heads.items()}


def read_for(path: Path, photos: Sequence[str]) -> dict[str, Table]:
    """What each head predicts, in the order of `photos`.

    Raises:
        InputError: When the file does not hold exactly these photos.
    """
    found, heads = _read(path)
    raise_faults(f"{path}: not the photos of this data set: run `dvc repro`", mismatches(photos, found))
    order = pd.Index(found).get_indexer(pd.Index(photos))
    return {head: numbers[order] for head, numbers in heads.items()}


def mismatches(expected: "Sequence[str] | pd.Series[str]", found: "Sequence[str] | pd.Series[str]") -> list[str]:
    """A line for every photo that is missing, unexpected or repeated; none when each is found exactly once."""
    wanted, there = pd.Series(expected, dtype="str").drop_duplicates(), pd.Series(found, dtype="str")
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


def _numbers(path: Path, table: pd.DataFrame, head: str, values: list[str]) -> Table:
    try:
        expected = values if values in ([ONE_COLUMN], DISTRIBUTION) else SCHEMA.head(head).class_names
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if values != expected:
        raise InputError(f"{path}: columns {head}={', '.join(values)} are not the classes of head '{head}'")
    numbers = table[[f"{head}={value}" for value in values]].to_numpy(np.float64)
    return numbers[:, 0] if values == [ONE_COLUMN] else numbers
