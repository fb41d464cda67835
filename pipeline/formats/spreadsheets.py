"""Tables for people, who open them in a spreadsheet program: no cell of them is run as a formula."""

import pandas as pd

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that begins as a formula does; names from data may be any text."""
    shown = table.copy()
    for name in table.select_dtypes(["str", "object"]):
        shown[name] = table[name].map(_plain)
    return shown


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_PREFIXES) else value
