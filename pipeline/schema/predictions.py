"""Predictions as files: a row a photo, a column a class or the years, and whether all photos are there."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.heads import attributes
from pipeline.schema.labels import ATTRIBUTES, names
from pipeline.schema.probabilities import Heads, Table


def write(path: Path, photos: Iterable[str], heads: Heads) -> None:
    """Write a row a photo: `path`, then for each head `<head>=<class>` for every class, or `<head>=years`."""
    table = columns(heads)
    table.insert(0, "path", list(photos))
    tables.write(table, path)


def columns(heads: Heads) -> pd.DataFrame:
    """What heads say, a row a photo: `<head>=<class>` for every class, or `<head>=years`."""
    return pd.DataFrame(
        {
            f"{head}={value}": column
            for head, numbers in heads.items()
            for value, column in zip(_values(head, numbers.ndim), numbers.reshape(len(numbers), -1).T, strict=True)
        }
    )


def read(path: Path) -> tuple[list[str], dict[str, Table]]:
    """Read what `write` wrote: the paths of the photos (n), and each head's (n, classes) or (n,) years."""
    table = tables.read(path, {"path": "text"}, others="number")
    heads: dict[str, list[str]] = {}
    for column in table.columns.drop("path"):
        head, _, value = column.partition("=")
        heads.setdefault(head, []).append(value)
    return list(table["path"]), {head: _numbers(path, table, head, values) for head, values in heads.items()}


def read_for(path: Path, photos: Sequence[str]) -> dict[str, Table]:
    """Each head's numbers in the order of the photos; raises `InputError` unless the file holds exactly those."""
    found, heads = read(path)
    raise_faults(f"{path}: not the photos of this data set: run `dvc repro`", mismatches(photos, found))
    order = pd.Index(found).get_indexer(pd.Index(photos))
    return {head: numbers[order] for head, numbers in heads.items()}


def mismatches(expected: Iterable[str], found: Iterable[str]) -> list[str]:
    """What is wrong, a line a photo, where every expected photo should be found exactly once."""
    wanted, counts = set(expected), Counter(found)
    return [
        *(f"no row for {photo}" for photo in sorted(wanted - set(counts))),
        *(f"a row for {photo}, which is not expected" for photo in sorted(set(counts) - wanted)),
        *(f"{count} rows for {photo}" for photo, count in sorted(counts.items()) if count > 1),
    ]


def _values(head: str, dimensions: int) -> list[str]:
    return ["years"] if dimensions == 1 else names(attributes(head))


def _numbers(path: Path, table: pd.DataFrame, head: str, values: list[str]) -> Table:
    dimensions = 1 if values == ["years"] else 2
    if not set(attributes(head)) <= set(ATTRIBUTES) or values != _values(head, dimensions):
        raise InputError(f"{path}: columns {head}={', '.join(values)} are no head's classes; run `dvc repro`")
    numbers = table[[f"{head}={value}" for value in values]].to_numpy(np.float64)
    return numbers[:, 0] if dimensions == 1 else numbers
