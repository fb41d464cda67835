"""Tables with checked columns, as pandas: Parquet between stages, CSV for people and the competition.

The extension of a file's name tells its format. Both are written atomically, and equal tables are equal bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path

import pandas as pd

from pipeline.formats import csv_file, parquet
from pipeline.formats.columns import Kind, join, nameless
from pipeline.formats.parquet import Rows
from pipeline.foundation.errors import raise_faults

__all__ = [
    "CROPS",
    "FOLDS",
    "Kind",
    "Rows",
    "batches",
    "count",
    "infer",
    "join",
    "nameless",
    "names",
    "read",
    "require_unique",
    "take",
    "text",
    "write",
    "write_parts",
]

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
    "digest": "integer",
    "perceptual_hash": "text",
}
"""The table of crops. `digest` is `arrays.digest` of a crop, which spares readers all pixels; `perceptual_hash` is that
of the whole photo, hexadecimal."""
FOLDS: dict[str, Kind] = {"path": "text", "person": "text", "fold": "integer"}
"""`person` is one name for all folders of a person, where the labels have the folder."""


def read(path: Path, columns: Mapping[str, Kind], others: Kind = "text", unique: str | None = None) -> pd.DataFrame:
    """Read a table.

    Text stays text: `000012` keeps its zeros, and an empty cell is `""`. Messages count rows as a CSV file does: the
    header is row 1, and the index of a row plus 2 is its number.

    Args:
        path: The file: Parquet by its name, or else CSV in UTF-8.
        columns: Kind of each required column.
        others: Kind of all other columns. Those of a Parquet file have a type, and may have any for "text".
        unique: Column whose cells must be distinct.

    Raises:
        InputError: When the file or a column is missing; lists the row of every cell that is not of its column's kind
            and of every repeated cell of `unique`.
    """
    table = parquet.read(path, columns, others) if _is_parquet(path) else csv_file.read(path, columns, others)
    if unique:
        require_unique(path, table, unique)
    return table


def require_unique(path: Path, table: pd.DataFrame, column: str) -> None:
    """Raise `InputError` that names every repeated cell of a column of the table of a file."""
    repeated = table[column].duplicated()
    twice = zip(table.index[repeated] + 2, table.loc[repeated, column], strict=True)
    raise_faults(f"{path}: duplicate rows", [f"row {row}: {column} {cell!r}" for row, cell in twice])


def batches(path: Path, columns: Mapping[str, Kind]) -> Iterator[pd.DataFrame]:
    """Read these columns of a table in batches of rows: one batch for a CSV file. Raises as `read` does."""
    if _is_parquet(path):
        return parquet.batches(path, columns)
    return iter([csv_file.read(path, columns, "text")[list(columns)]])


def take(path: Path, columns: Mapping[str, Kind], rows: Rows) -> pd.DataFrame:
    """Read these columns of some rows (n,), in the order given; of a Parquet file only where they are.

    Raises as `read` does.
    """
    if _is_parquet(path):
        return parquet.take(path, columns, rows)
    return csv_file.read(path, columns, "text")[list(columns)].iloc[rows].reset_index(drop=True)


def count(path: Path) -> int:
    """Number of rows of a table. Raises as `read` does."""
    return parquet.count(path) if _is_parquet(path) else len(read(path, {}))


def names(path: Path) -> list[str]:
    """The names of a table's columns. Raises as `read` does."""
    return parquet.names(path) if _is_parquet(path) else [str(name) for name in read(path, {})]


def infer(path: Path) -> pd.DataFrame:
    """Read a CSV file with any columns and infer their types; empty cells are NaN. Raises as `read` does."""
    return pd.read_csv(StringIO(text(read(path, {}))))


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index; CSV has nine digits per float."""
    write_parts([table], path)


def write_parts(parts: Iterable[pd.DataFrame], path: Path) -> None:
    """Write the parts of a table, one after another: those of a Parquet file need not all be in memory."""
    if _is_parquet(path):
        parquet.write(parts, path)
    else:
        csv_file.write(pd.concat(parts), path)


def text(table: pd.DataFrame) -> str:
    """Return the text that `write` writes as CSV."""
    return csv_file.text(table)


def _is_parquet(path: Path) -> bool:
    return path.suffix == parquet.SUFFIX
