"""The columns that a table must have, and messages for those that it lacks."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pipeline.formats.names import near
from pipeline.foundation.errors import InputError

Kind = Literal["text", "integer", "number"]
DTYPES: dict[Kind, str] = {"text": "str", "integer": "int64", "number": "float64"}
NO_FILE = "no such file"


def require(path: Path, wanted: Iterable[str], found: Sequence[str]) -> None:
    """Raise `InputError` that names the wanted columns that a file lacks, with the likely reason."""
    missing = [column for column in wanted if column not in found]
    if missing:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing; the file has {join(found)}"
            f"{_why_missing(missing, found)}{nameless(found)}"
        )


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
