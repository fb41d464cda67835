"""Submissions and answers: the class of every eval photo, read and checked, with class shares and scores to print."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.schema.predictions import mismatches
from pipeline.schema.schema import SCHEMA, Codes

COLUMNS: dict[str, tables.Kind] = {"ImageID": "text", "ans": "integer"}
ALL_CLASSES = f"{SCHEMA.classes} classes"
SCORE_PREFIXES = {ALL_CLASSES: "", **{attribute: f"{attribute}_" for attribute in SCHEMA.names}}
"""What is scored, and the prefix of its metrics' names."""


def read(path: Path, photos: "pd.Series[str] | None" = None, source: str = "itself") -> "pd.Series[int]":
    """Class codes by ImageID.

    Args:
        path: A submission, or a file of answers.
        photos: The photos that the file must hold, in the order of the result; those of the file by default.
        source: Where `photos` come from, for messages.

    Raises:
        InputError: Names every row without a class and every photo that is missing, unexpected or repeated; or the
            file has no rows.
    """
    table = tables.read(path, COLUMNS)
    if table.empty:
        raise InputError(f"{path}: no rows")
    expected = table["ImageID"] if photos is None else photos
    faults = mismatches(expected, table["ImageID"]) + invalid_classes(table)
    raise_faults(f"{path} does not fit {source}", faults)
    return table.set_index("ImageID")["ans"].loc[list(expected)]


def invalid_classes(table: pd.DataFrame) -> list[str]:
    """A line for every row whose `ans` is no class code."""
    last = SCHEMA.classes - 1
    wrong = table["ans"][~table["ans"].between(0, last)]
    return [f"row {row}: ans {code} is not a class 0..{last}" for row, code in zip(wrong.index + 2, wrong, strict=True)]


def shares(columns: Mapping[str, Codes]) -> pd.DataFrame:
    """Share of every class and of every value of each attribute (`of`, `value`), in each column of codes (n,)."""
    groups = {"class": SCHEMA.class_names} | {one.name: list(one.values) for one in SCHEMA.attributes}
    table = pd.DataFrame([(of, value) for of, values in groups.items() for value in values], columns=["of", "value"])
    for name, codes in columns.items():
        by_group = {"class": codes} | SCHEMA.decode(codes)
        table[name] = np.concatenate([_shares(by_group[of], len(values)) for of, values in groups.items()])
    return table


def share_table(shares: pd.DataFrame) -> Table:
    """Class shares, and numbers of photos beside them, as a table to print."""
    columns = [str(column) for column in shares if column not in ("of", "value")]
    table = Table("class", title="Class shares", title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for _, group in shares.groupby("of", sort=False):
        table.add_section()
        for _, row in group.iterrows():
            table.add_row(row["value"], *(_formatted(row[column]) for column in columns))
    return table


def score_table(scores: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Macro F1 and accuracy of all classes and of every attribute, as a table to print with two columns a name."""
    table = Table("", title=title, title_justify="left")
    for name in scores:
        for score in ("macro F1", "accuracy"):
            table.add_column(f"{name}\n{score}".strip(), justify="right")
    for group, prefix in SCORE_PREFIXES.items():
        keys = [f"{prefix}macro_f1", f"{prefix}accuracy"]
        table.add_row(group, *(f"{found[key]:.4f}" for found in scores.values() for key in keys))
    return table


def _shares(codes: Codes, values: int) -> "np.typing.NDArray[np.float64]":
    return np.asarray(np.bincount(codes, minlength=values) / len(codes))


def _formatted(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.1%}"
