"""Submissions and answers: the class of every photo, read and checked, and the shares and scores of classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.predictions import mismatches
from pipeline.schema.schema import SCHEMA, Codes

COLUMNS: dict[str, tables.Kind] = {"ImageID": "text", "ans": "integer"}
GROUPS = {"18 classes": "", **{attribute: f"{attribute}_" for attribute in SCHEMA.names}}
"""What is scored, by its name, and how the names of its scores begin."""


def read(path: Path, like: "pd.Series[str] | None" = None, name: str = "itself") -> "pd.Series[int]":
    """Class codes 0..17 by ImageID, in the order of the photos `like`, or of the file.

    Raises `InputError` that names every row without a class, and every photo in which the file is not like `name`;
    and for a file without rows.
    """
    table = tables.read(path, COLUMNS)
    if table.empty:
        raise InputError(f"{path}: no rows")
    expected = table["ImageID"] if like is None else like
    faults = mismatches(expected, table["ImageID"]) + no_classes(table)
    raise_faults(f"{path} does not fit {name}", faults)
    return table.set_index("ImageID")["ans"].loc[list(expected)]


def no_classes(table: pd.DataFrame) -> list[str]:
    """What is wrong, a line a row, with an `ans` that is not a class."""
    wrong = table["ans"][~table["ans"].between(0, SCHEMA.classes - 1)]
    return [
        f"row {row}: ans {code} is not a class 0..{SCHEMA.classes - 1}"
        for row, code in zip(wrong.index + 2, wrong, strict=True)
    ]


def shares(columns: Mapping[str, Codes]) -> pd.DataFrame:
    """Share of every class, and of every value of each attribute (`of`, `value`), in each column of codes (n,)."""
    groups = {"class": SCHEMA.class_names} | {one.name: list(one.values) for one in SCHEMA.attributes}
    table = pd.DataFrame([(of, value) for of, values in groups.items() for value in values], columns=["of", "value"])
    for name, codes in columns.items():
        parts = {"class": codes, **SCHEMA.decode(codes)}
        table[name] = np.concatenate([_shares(parts[of], values) for of, values in groups.items()])
    return table


def share_table(shares: pd.DataFrame) -> Table:
    """Priors to be printed, and counts that stand among them."""
    columns = [str(column) for column in shares if column not in ("of", "value")]
    table = Table("class", title="Class shares", title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for _, group in shares.groupby("of", sort=False):
        table.add_section()
        for _, row in group.iterrows():
            table.add_row(row["value"], *(_shown(row[column]) for column in columns))
    return table


def score_table(scores: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Macro F1 and accuracy over the 18 classes and of every attribute, two columns a name."""
    table = Table("", title=title, title_justify="left")
    for name in scores:
        for score in ("macro F1", "accuracy"):
            table.add_column(f"{name}\n{score}".strip(), justify="right")
    for group, prefix in GROUPS.items():
        keys = [f"{prefix}macro_f1", f"{prefix}accuracy"]
        table.add_row(group, *(f"{found[key]:.4f}" for found in scores.values() for key in keys))
    return table


def _shares(codes: Codes, values: Sequence[str]) -> "np.typing.NDArray[np.float64]":
    return np.asarray(np.bincount(codes, minlength=len(values)) / len(codes))


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.1%}"
