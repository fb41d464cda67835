"""Parquet files: the tables that stages hand to each other, a column's type with it, in batches of rows."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as types

from pipeline.formats.columns import DTYPES, NO_FILE, Kind, require
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import replacing

Rows = npt.NDArray[np.integer[Any]]

SUFFIX = ".parquet"
ROWS = 2**17
"""Rows of a row group: what is in memory twice while a table is written or read."""
REMEDY = "run `dvc repro`"
OF_KIND = {
    "text": types.is_large_string,
    "integer": types.is_integer,
    "number": lambda found: types.is_floating(found) or types.is_integer(found),
}


def read(path: Path, columns: Mapping[str, Kind], others: Kind) -> pd.DataFrame:
    """Read a file as `tables.read` does; columns of the kind `others` that are not text have the type of the file."""
    with _opened(path) as file:
        if not file.metadata.num_rows:
            return _without_rows(path, file.schema_arrow, columns, others)
        _require_kinds(path, file.schema_arrow, columns, others)
        table = file.read()
        table.validate(full=True)
    _require_values(path, table, columns, others)
    return _to_pandas(table)


def batches(path: Path, columns: Mapping[str, Kind]) -> Iterator[pd.DataFrame]:
    """Read these columns of a file, at most `ROWS` rows at a time. Raises as `read` does."""
    with _opened(path) as file:
        if not file.metadata.num_rows:
            yield _without_rows(path, file.schema_arrow, columns, "text")[list(columns)]
            return
        _require_kinds(path, file.schema_arrow, columns, "text")
        for group in range(file.num_row_groups):
            yield _to_pandas(_read_group(path, file, group, columns))


def take(path: Path, columns: Mapping[str, Kind], rows: Rows) -> pd.DataFrame:
    """Read these columns of some rows (n,), in the order given, from the row groups that have them.

    Raises as `read` does.
    """
    with _opened(path) as file:
        if not len(rows):
            return _without_rows(path, file.schema_arrow, columns, "text")[list(columns)]
        _require_kinds(path, file.schema_arrow, columns, "text")
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        group_of = np.searchsorted(np.cumsum(sizes), rows, side="right")
        parts, order = [], []
        for group in np.unique(group_of).tolist():
            own = np.flatnonzero(group_of == group)
            parts.append(_read_group(path, file, group, columns).take(rows[own] - sum(sizes[:group])))
            order.append(own)
        return _to_pandas(pa.concat_tables(parts).take(np.argsort(np.concatenate(order))))


def count(path: Path) -> int:
    """Number of rows of a file, from its metadata alone."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def names(path: Path) -> list[str]:
    """The names of a file's columns."""
    with _opened(path) as file:
        return list(file.schema_arrow.names)


def write(parts: Iterable[pd.DataFrame], path: Path) -> None:
    """Write parts of a table as one file, atomically, without index. Equal rows are equal bytes, in whatever parts.

    Text is the type of every column that is neither integer nor floating; a missing cell of it is empty text.
    """
    with replacing(path) as partial:
        groups = _groups(map(_from_pandas, parts))
        first = next(groups)
        with pq.ParquetWriter(
            partial,
            first.schema,
            compression="zstd",
            use_dictionary=[field.name for field in first.schema if types.is_large_string(field.type)],
            store_schema=False,
            write_page_checksum=True,
        ) as file:
            file.write_table(first, ROWS)
            for group in groups:
                file.write_table(group, ROWS)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file, and have every fault of it name it."""
    try:
        with pq.ParquetFile(path, binary_type=pa.large_binary(), page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: {NO_FILE}; {REMEDY}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet table: {error}; {REMEDY}") from None


def _groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of all parts in groups of `ROWS` and a last one of fewer; one without rows for a table without any."""
    kept: list[pa.Table] = []
    written = False
    for part in parts:
        kept.append(part)
        while sum(part.num_rows for part in kept) > ROWS:
            joined = pa.concat_tables(kept)
            yield joined.slice(0, ROWS)
            kept, written = [joined.slice(ROWS)], True
    if not written or any(part.num_rows for part in kept):
        yield pa.concat_tables(kept)


def _from_pandas(table: pd.DataFrame) -> pa.Table:
    return pa.table({str(name): _column(table[name]) for name in table})


def _column(cells: "pd.Series[Any]") -> pa.Array:
    if pd.api.types.is_numeric_dtype(cells):
        return pa.array(cells.to_numpy())
    return pc.fill_null(pa.Array.from_pandas(cells.astype("str")).cast(pa.large_string()), "")


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    columns = {name: _cells(table.column(name)) for name in table.column_names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)), copy=False)


def _cells(column: pa.ChunkedArray) -> Any:
    if types.is_large_string(column.type):
        return pd.array(column.combine_chunks().to_pandas(), dtype="str")
    return np.require(column.to_numpy(), requirements="W")  # Arrow's memory is read-only, which pandas does not expect


def _read_group(path: Path, file: pq.ParquetFile, group: int, columns: Mapping[str, Kind]) -> pa.Table:
    table = file.read_row_group(group, list(columns))
    table.validate(full=True)
    _require_values(path, table, columns, "text", group * ROWS)
    return table


def _without_rows(path: Path, schema: pa.Schema, columns: Mapping[str, Kind], others: Kind) -> pd.DataFrame:
    """A table without rows, whose columns have the wanted types: who wrote it may have known no cell and so no type."""
    require(path, columns, schema.names)
    table = _to_pandas(schema.empty_table())
    kinds = {name: kind for name in schema.names if (kind := _kind(name, columns, others))}
    return table.astype({name: DTYPES[kind] for name, kind in kinds.items()})


def _require_kinds(path: Path, schema: pa.Schema, columns: Mapping[str, Kind], others: Kind) -> None:
    require(path, columns, schema.names)
    faults = [
        f"{field.name}: {field.type}, not {kind}"
        for field in schema
        if (kind := _kind(field.name, columns, others)) and not OF_KIND[kind](field.type)
    ]
    raise_faults(f"{path}: columns of another kind; {REMEDY}", faults)


def _require_values(path: Path, table: pa.Table, columns: Mapping[str, Kind], others: Kind, first: int = 0) -> None:
    """Raise `InputError` that names every cell without a value, and every number that is not finite."""
    faults = []
    for field in table.schema:
        if _kind(field.name, columns, others):
            column = table.column(field.name)
            wrong = pc.invert(pc.is_finite(column)) if types.is_floating(field.type) else pc.is_null(column)
            rows = np.flatnonzero(pc.fill_null(wrong, True).to_numpy())
            faults += [f"row {first + row + 2}: {field.name} {column[row].as_py()!r}" for row in rows.tolist()]
    raise_faults(f"{path}: cells without a value; {REMEDY}", faults)


def _kind(name: str, columns: Mapping[str, Kind], others: Kind) -> Kind | None:
    """The kind that a column must have; None where any will do."""
    return columns.get(name, None if others == "text" else others)
