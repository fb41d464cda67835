"""Tables for people, who open them in a spreadsheet program: no cell of them is run as a formula."""

import pandas as pd

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that begins as a formula does; names from data may be any text."""
    texts = table.select_dtypes(["str", "object"])
    return table.assign(**{name: column.map(_plain) for name, column in texts.items()})


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_PREFIXES) else value
