"""CSV files: the tables that people and the competition read and write; faulty cells are named by row."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.formats.columns import NO_FILE, Kind, require, separator
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import replacing

EMPTY = "empty; not even a header"
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
BATCH = 20_000  # rows that are held as Python objects at once
FLOAT_FORMAT = "%.9g"  # nine digits restore every float32 exactly


def read(path: Path, columns: Mapping[str, Kind], others: Kind) -> pd.DataFrame:
    """Read a file as `tables.read` does.

    Blank lines are skipped. The index of a row plus 2 is its row in the file, blank lines included; the header is
    row 1.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _Rows(csv.reader(file, strict=True), path)
            found = [_Column(name, columns.get(name, others)) for name in rows.header]
            for numbers, batch in rows.batches():
                for column, cells in zip(found, zip(*batch, strict=True), strict=True):
                    column.append(cells, numbers)
    except OSError as error:
        raise InputError(f"{path}: {NO_FILE if isinstance(error, FileNotFoundError) else error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {_reason(path) or error}") from None
    require(path, columns, rows.header)
    by_name = {column.name: column for column in found}
    faults = [fault for name in dict.fromkeys([*columns, *by_name]) for fault in by_name[name].faults]
    kinds = "/".join(sorted({column.kind for column in found} - {"text"}))
    raise_faults(f"{path}: cells that are no {kinds}", faults)
    return pd.DataFrame({column.name: column.values() for column in found}, index=rows.index(), copy=False)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a file atomically, without index and with nine digits per float."""
    with replacing(path) as partial:
        table.to_csv(partial, index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


def text(table: pd.DataFrame) -> str:
    """Return the text that `write` writes."""
    return table.to_csv(index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


class _Rows:
    """The rows of a CSV file, in batches; blank lines are left out, and counted."""

    def __init__(self, lines: Iterator[list[str]], path: Path) -> None:
        self._lines, self._path = lines, path
        self._numbers: list[npt.NDArray[np.int64]] = []
        self.header = next(lines, [])
        if not self.header:
            blank = any(lines)
            raise InputError(f"{path}: {'row 1 is blank; the header must be there' if blank else EMPTY}")
        if any("\0" in name for name in self.header):
            raise InputError(f"{path}: not a CSV table: its header has NUL bytes, as UTF-16 has; save it as UTF-8")

    def batches(self) -> Iterator[tuple[npt.NDArray[np.int64], list[list[str]]]]:
        """Rows with their numbers (n,) in the file, where the header is row 1.

        Raises `InputError` at the end: for a header that has a name twice, or that lists all rows of another length.
        """
        columns, first = len(self.header), 2
        twice, uneven = len(set(self.header)) < columns, list[str]()
        while lines := list(islice(self._lines, BATCH)):
            kept = [(number, row) for number, row in enumerate(lines, first) if not _is_blank(row, columns)]
            uneven += [f"row {number}: {_cells(row)}" for number, row in kept if len(row) != columns]
            self._numbers.append(np.array([number for number, _ in kept], dtype=np.int64))
            if kept and not (twice or uneven):
                yield self._numbers[-1], [row for _, row in kept]
            first += len(lines)
        if twice:
            raise InputError(f"{self._path}: duplicate column: {', '.join(self.header)}")
        raise_faults(f"{self._path}: rows that do not have {columns} cells as the header has", uneven)

    def index(self) -> pd.Index:
        """The index of the table: a row's number in the file, less 2."""
        numbers = np.concatenate([np.empty(0, np.int64), *self._numbers])
        plain = not len(numbers) or numbers[-1] == len(numbers) + 1
        return pd.RangeIndex(len(numbers)) if plain else pd.Index(numbers - 2)


class _Column:
    """A column that grows by batches of cells and holds them as typed arrays."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name, self.kind = name, kind
        self.faults: list[str] = []
        self._parts: list[Any] = []

    def append(self, cells: Sequence[str], rows: npt.NDArray[np.int64]) -> None:
        """Add cells and, for the faults, the rows (n,) that they are in."""
        if self.kind == "text":
            self._parts.append(pa.array(cells, pa.large_string()))
            return
        numbers = pd.to_numeric(np.array(cells, dtype=object), errors="coerce")
        wrong = ~np.isfinite(numbers)
        if self.kind == "integer":
            wrong |= (numbers % 1 != 0) | (np.abs(numbers) >= 2.0**63)
        self.faults += [f"row {rows[at]}: {self.name} {cells[at]!r}" for at in np.flatnonzero(wrong).tolist()]
        self._parts.append(numbers)

    def values(self) -> Any:
        """The cells; the parts that they were collected in are given up."""
        parts, self._parts = self._parts, []
        if self.kind == "text":
            return pd.array(pa.chunked_array(parts, pa.large_string()).combine_chunks().to_pandas(), dtype="str")
        numbers = np.concatenate(parts) if parts else np.empty(0)
        return numbers.astype(np.int64) if self.kind == "integer" else numbers


def _is_blank(row: Sequence[str], columns: int) -> bool:
    """Whether a row has no text; in a table of one column, an empty cell in quotation marks is text."""
    return not row or (columns > 1 and not any(cell.strip() for cell in row))


def _cells(row: Sequence[str]) -> str:
    """Describe a faulty row: its number of cells, and the remedy where one is known."""
    nul = "; it has NUL bytes, remove them" if any("\0" in cell for cell in row) else ""
    return f"{len(row)} cell{'' if len(row) == 1 else 's'}{nul}"


def _reason(path: Path) -> str:
    """Return why a file is no CSV table in UTF-8, with the remedy, or an empty text."""
    content = path.read_bytes()
    if content.startswith(EXCEL):
        return "it is an Excel file; save it as CSV UTF-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it is UTF-16; save it as UTF-8"
    try:
        header = content.decode().partition("\n")[0]
    except UnicodeDecodeError as error:
        try:
            content.decode("cp949")
        except UnicodeDecodeError:
            return f"byte {error.start} is not UTF-8; save it as UTF-8"
        return "it is not UTF-8, perhaps CP949 (Korean Windows); save it as UTF-8"
    separated = separator(header)
    return f"it is {separated}" if separated else ""
