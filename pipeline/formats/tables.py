"""The tables between stages: CSV files with checked columns and types, written reproducibly."""

import codecs
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.formats.names import near
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text

Kind = Literal["text", "integer", "number"]
NO_FILE = "no such file"
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
FLOAT_FORMAT = "%.9g"  # nine digits restore every float32 exactly

CROPS: dict[str, Kind] = {
    "path": "text",
    "left": "integer",
    "top": "integer",
    "right": "integer",
    "bottom": "integer",
    "source": "text",
    "probability": "number",
    "faces": "integer",
    "turn": "integer",
    "photo_width": "integer",
    "photo_height": "integer",
}
FOLDS: dict[str, Kind] = {"path": "text", "person": "text", "fold": "integer"}
"""`person` is one name for all folders of a person, where the labels have the folder."""


def read(path: Path, columns: Mapping[str, Kind], others: Kind = "text", unique: str | None = None) -> pd.DataFrame:
    """Read a CSV file.

    Text stays text: `000012` keeps its zeros, and an empty cell is `""`. Blank lines are skipped. The index of a row
    plus 2 is its row in the file, blank lines included; the header is row 1.

    Args:
        path: The file, in UTF-8.
        columns: Kind of each required column.
        others: Kind of all other columns.
        unique: Column whose cells must be distinct.

    Raises:
        InputError: When the file or a column is missing; lists the row of every cell that is not of its column's kind
            and of every repeated cell of `unique`.
    """
    table = _read_text(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing; the file has {join(table.columns)}"
            f"{_why_missing(missing, list(table.columns))}{nameless(table.columns)}"
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
        raise_faults(f"{path}: duplicate rows", [f"row {row}: {unique} {cell!r}" for row, cell in cells])
    return table.astype({column: "int64" for column, kind in kinds.items() if kind == "integer"})


def infer(path: Path) -> pd.DataFrame:
    """Read a CSV file with any columns and infer their types; empty cells are NaN. Raises as `read` does."""
    read(path, {})
    return pd.read_csv(path)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file atomically, without index and with nine digits per float: equal tables are equal bytes."""
    write_text(path, text(table))


def text(table: pd.DataFrame) -> str:
    """Return the text that `write` writes."""
    return table.to_csv(index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


def _read_text(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise InputError(f"{path}: {NO_FILE if isinstance(error, FileNotFoundError) else error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {_encoding(path) or error}") from None
    if not any(rows):
        raise InputError(f"{path}: empty; not even a header")
    header = rows.pop(0)
    if not header:
        raise InputError(f"{path}: row 1 is blank; the header must be there")
    if len(set(header)) < len(header):
        raise InputError(f"{path}: duplicate column: {', '.join(header)}")
    kept = [index for index, row in enumerate(rows) if not _is_blank(row, len(header))]
    uneven = [f"row {index + 2}: {_cells(rows[index])}" for index in kept if len(rows[index]) != len(header)]
    raise_faults(f"{path}: rows that do not have {len(header)} cells as the header has", uneven)
    index = None if len(kept) == len(rows) else pd.Index(kept)
    return pd.DataFrame([rows[index] for index in kept], columns=header, index=index, dtype=str)


def _is_blank(row: Sequence[str], columns: int) -> bool:
    """Whether a row has no text; in a table of one column, an empty cell in quotation marks is text."""
    return not row or (columns > 1 and not any(cell.strip() for cell in row))


def _cells(row: Sequence[str]) -> str:
    """Describe a faulty row: its number of cells, and the remedy where one is known."""
    nul = "; it has NUL bytes, remove them" if any("\0" in cell for cell in row) else ""
    return f"{len(row)} cells{nul}"


def _encoding(path: Path) -> str:
    """Return the encoding of a file and the remedy, or an empty text for UTF-8."""
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


def join(columns: Iterable[object]) -> str:
    """Join the names of columns; names with blanks at an end or invisible characters are quoted."""
    names = [str(column) for column in columns]
    return ", ".join(name if name == name.strip() and name.isprintable() and name else repr(name) for name in names)


def _why_missing(missing: Sequence[str], columns: Sequence[str]) -> str:
    """Return the likely reason for missing columns and the remedy, or an empty text."""
    separators = [separator for separator in (";", "\t", "|") if separator in columns[0]]
    if len(columns) == 1 and separators:
        return f" (separated by {separators[0]!r}; save it with commas)"
    alike = [f"{found[0]!r} is not {column}: {found[1]}" for column in missing if (found := near(column, columns))]
    return f" ({'; '.join(alike)}; correct the header)" if alike else ""


def nameless(columns: Iterable[object]) -> str:
    """Return the remedy for a column without a name, which a program that saves its row numbers adds, or no text."""
    there = any(not str(column) or str(column).startswith("Unnamed: ") for column in columns)
    return "; a column without a name holds saved row numbers: delete it, or save with index=False" if there else ""


def _numbers(cells: "pd.Series[str]", kind: Kind, faults: list[str]) -> "pd.Series[float]":
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = ~np.isfinite(numbers)
    if kind == "integer":
        wrong |= (numbers % 1 != 0) | (numbers.abs() >= 2.0**63)
    faults += [f"row {row + 2}: {cells.name} {cell!r}" for row, cell in cells[wrong].items()]
    return numbers
