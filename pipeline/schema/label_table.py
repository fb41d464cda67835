"""Tables of labels and of values of attributes, whose cells must be values of the schema."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema.schema import OLDEST, SCHEMA

COLUMNS: dict[str, tables.Kind] = {
    "path": "text",
    "person": "text",
    **{one.name: "integer" if one.bands else "text" for one in SCHEMA.attributes},
    "corrected": "text",
}


def read(path: Path, more: Mapping[str, tables.Kind] | None = None) -> pd.DataFrame:
    """Read the table of labels (`COLUMNS`, a row per photo) and `more` columns.

    Raises:
        InputError: When a photo is there twice, or a label is no value of its attribute, with every row.
    """
    table = tables.read(path, {**COLUMNS, **(more or {})}, unique="path")
    require_values(path, table)
    return table


def batches(path: Path) -> Iterator[pd.DataFrame]:
    """Read path and labels in batches of rows, which are numbered on; values of attributes are categories.

    Raises:
        InputError: When a label is no value of its attribute, with every row of the batch.
    """
    columns, first = {name: COLUMNS[name] for name in ("path", *SCHEMA.names)}, 0
    for batch in tables.batches(path, columns):
        batch.index = pd.RangeIndex(first, first + len(batch))
        require_values(path, batch)
        first += len(batch)
        values = {one.name: pd.CategoricalDtype([*one.values]) for one in SCHEMA.attributes if not one.bands}
        yield batch.astype(values)


def require_values(path: Path, table: pd.DataFrame, prefix: str = "") -> None:
    """Raise `InputError` that names every cell that is no value of the schema.

    Args:
        path: The file that the table was read from.
        table: A column per attribute, named `prefix` and the attribute. With a prefix the table holds predictions:
            ages are bands, and an empty cell is no prediction.
        prefix: What precedes the attributes' names.
    """
    columns = {prefix + name: name for name in SCHEMA.names if prefix + name in table}
    raise_faults(
        f"{path}: cells that are no value of the label schema",
        [fault for column, name in columns.items() for fault in _faults(table[column], name, bool(prefix))],
    )


def _faults(cells: "pd.Series[str]", name: str, predicted: bool) -> Iterator[str]:
    attribute = SCHEMA[name]
    if attribute.bands and not predicted:
        known, expected = cells.between(1, OLDEST), f"not a number of years (1 to {OLDEST})"
    else:
        values = [*attribute.values, ""] if predicted else list(attribute.values)
        known, expected = cells.isin(values), f"none of {', '.join(attribute.values)}"
    for row, cell in zip(cells.index[~known], cells[~known].tolist(), strict=True):
        yield f"row {row + 2}: {cells.name} {cell!r} is {expected}"
