"""The tables between stages: CSV read with checked columns and types, written the same every time."""

import codecs
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text

Kind = Literal["text", "integer", "number"]
NO_FILE = "no such file"
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
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
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing; the file has {_shown(table.columns)}"
            f"{_why_missing(missing, list(table.columns))}"
        )
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
        raise InputError(f"{path}: not a CSV table: {_encoding(path) or error}") from None
    while rows and not rows[-1]:
        rows.pop()  # blank lines at the end
    if not rows:
        raise InputError(f"{path}: empty; not even a header")
    header = rows.pop(0)
    if len(set(header)) < len(header):
        raise InputError(f"{path}: a column is there twice: {', '.join(header)}")
    uneven = [f"row {n}: {_cells(row)}" for n, row in enumerate(rows, start=2) if len(row) != len(header)]
    raise_faults(f"{path}: rows that do not have {len(header)} cells as the header has", uneven)
    return pd.DataFrame(rows, columns=header, dtype=str)


def _cells(row: Sequence[str]) -> str:
    """The number of cells of a faulty row, and what to do where that is known."""
    if not row:
        return "blank line; remove it"
    nul = "; it has NUL bytes, remove them" if any("\0" in cell for cell in row) else ""
    return f"{len(row)} cells{nul}"


def _encoding(path: Path) -> str:
    """What a file is instead of UTF-8 text, and what to do; empty when it is UTF-8."""
    content = path.read_bytes()
    if content.startswith(EXCEL):
        return "it is an Excel file; save it as CSV UTF-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it is UTF-16; save it as UTF-8"
    try:
        content.decode()
    except UnicodeDecodeError as error:
        try:
            content.decode("cp949")
        except UnicodeDecodeError:
            return f"byte {error.start} is not UTF-8; save it as UTF-8"
        return "it is not UTF-8, perhaps CP949 (Korean Windows); save it as UTF-8"
    return ""


def _shown(columns: Iterable[object]) -> str:
    """Names of columns, quoted where blanks or other invisible characters would be overlooked."""
    names = [str(column) for column in columns]
    return ", ".join(name if name == name.strip() and name.isprintable() and name else repr(name) for name in names)


def _why_missing(missing: Sequence[str], columns: Sequence[str]) -> str:
    """The likely reason that columns are missing, and what to do; empty without a guess."""
    separators = [separator for separator in (";", "\t", "|") if separator in columns[0]]
    if len(columns) == 1 and separators:
        return f" (separated by {separators[0]!r}; save it with commas)"
    alike = [column for column in columns if column not in missing and column.strip().lower() in missing]
    if alike:
        return f" ({', '.join(map(repr, alike))} differs by blanks or capital letters; correct the header)"
    return ""


def _numbers(cells: "pd.Series[str]", kind: Kind, faults: list[str]) -> "pd.Series[float]":
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = ~np.isfinite(numbers)
    if kind == "integer":
        wrong |= (numbers % 1 != 0) | (numbers.abs() >= 2.0**63)
    faults += [f"row {row + 2}: {cells.name} {cells.iloc[row]!r}" for row in np.flatnonzero(wrong)]
    return numbers
