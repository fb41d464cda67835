"""The tables between stages: CSV read with checked columns and types, written the same every time."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text

Kind = Literal["text", "integer", "number"]
NO_FILE = "no such file"
FLOAT_FORMAT = "%.9g"  # nine digits bring every float32 back exactly

LABELS: dict[str, Kind] = {
    "path": "text",
    "person": "text",
    "mask": "text",
    "gender": "text",
    "age": "integer",
    "corrected": "text",
}
CROPS: dict[str, Kind] = {
    "path": "text",
    "left": "integer",
    "top": "integer",
    "right": "integer",
    "bottom": "integer",
    "source": "text",
    "probability": "number",
}
FOLDS: dict[str, Kind] = {"path": "text", "person": "text", "fold": "integer"}


def read(path: Path, columns: Mapping[str, Kind], others: Kind = "text", unique: str | None = None) -> pd.DataFrame:
    """Read a CSV file that must hold the named columns; `others` is the kind of those that are not named.

    Text stays text (`000012` keeps its zeros, an empty cell is ``""``).
    Raises `InputError` for a missing file, a missing column, cells that are not of the column's kind, or repeated
    cells of the column `unique`, each with its row (the header is row 1).
    """
    table = _read_text(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise InputError(f"{path}: column {', '.join(missing)} is missing; the file has {found}")
    kinds = {**columns, **{column: others for column in table.columns if column not in columns}}
    faults: list[str] = []
    for column, kind in kinds.items():
        if kind != "text":
            table[column] = _numbers(table[column], kind, faults)
    raise_faults(f"{path}: cells that are no {'/'.join(sorted(set(kinds.values()) - {'text'}))}", faults)
    if unique:
        repeated = table[unique].duplicated()
        cells = zip(table.index[repeated] + 2, table.loc[repeated, unique], strict=True)
        raise_faults(f"{path}: rows that are there twice", [f"row {row}: {unique} {cell!r}" for row, cell in cells])
    return table.astype({column: "int64" for column, kind in kinds.items() if kind == "integer"})


def infer(path: Path) -> pd.DataFrame:
    """Read a CSV file of whatever columns: numbers as numbers, empty cells NaN; raises `InputError` as `read` does."""
    read(path, {})
    return pd.read_csv(path)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file, whole or not at all: no index, floats with nine digits, the same bytes for the same table."""
    write_text(path, text(table))


def text(table: pd.DataFrame) -> str:
    """What `write` writes."""
    return table.to_csv(index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


def _read_text(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise InputError(f"{path}: {NO_FILE if isinstance(error, FileNotFoundError) else error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from None
    while rows and not rows[-1]:
        rows.pop()  # blank lines at the end
    if not rows:
        raise InputError(f"{path}: empty; not even a header")
    header = rows.pop(0)
    if len(set(header)) < len(header):
        raise InputError(f"{path}: a column is there twice: {', '.join(header)}")
    uneven = [f"row {n}: {len(row)} cells" for n, row in enumerate(rows, start=2) if len(row) != len(header)]
    raise_faults(f"{path}: rows that do not have {len(header)} cells as the header has", uneven)
    return pd.DataFrame(rows, columns=header, dtype=str)


def _numbers(cells: "pd.Series[str]", kind: Kind, faults: list[str]) -> "pd.Series[float]":
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = ~np.isfinite(numbers)
    if kind == "integer":
        wrong |= (numbers % 1 != 0) | (numbers.abs() >= 2.0**63)
    faults += [f"row {row + 2}: {cells.name} {cells.iloc[row]!r}" for row in np.flatnonzero(wrong)]
    return numbers
