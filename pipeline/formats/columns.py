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
    if separated := separator(",".join(columns)):
        return f" ({separated})"
    alike: dict[str, list[tuple[str, str]]] = {}
    for column in missing:
        if found := near(column, columns):
            alike.setdefault(found[1], []).append((repr(found[0]), column))
    reasons = [_unlike(pairs, difference) for difference, pairs in alike.items()]
    return f" ({'; '.join(reasons)}; correct the header)" if reasons else ""


def separator(header: str) -> str:
    """Return by what else than commas a header is separated, and the remedy, or an empty text."""
    found = next((mark for mark in (";", "\t", "|") if mark in header and "," not in header), None)
    return f"separated by {found!r}; save it with commas" if found else ""


def _unlike(pairs: Sequence[tuple[str, str]], difference: str) -> str:
    found, wanted = (", ".join(names) for names in zip(*pairs, strict=True))
    return f"{found} {'is' if len(pairs) == 1 else 'are'} not {wanted}: {difference}"


def nameless(columns: Iterable[object]) -> str:
    """Return the remedy for a column without a name, which a program that saves its row numbers adds, or no text."""
    there = any(not str(column) or str(column).startswith("Unnamed: ") for column in columns)
    return "; a column without a name holds saved row numbers: delete it, or save with index=False" if there else ""
