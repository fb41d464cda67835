"""Verdicts and histories as tables for the terminal."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.table import Table

from pipeline.foundation.terminal import cell
from pipeline.registry.alias_history import AliasChange
from pipeline.registry.gate import Row, Verdict

TITLES = {
    "score": "Score",
    "attribute": "Attributes, macro F1",
    "class": "Classes, F1",
    "slice": "Slices, accuracy",
}
WIDTH = 100  # characters of a verdict


def verdict(result: Verdict, champion: str, challenger: str) -> Table:
    """Champion and challenger side by side, `WIDTH` characters wide; refused rows are red."""
    title = f"champion: {champion}; challenger: {challenger}; {result.people:,} people held out by both"
    table = Table(
        title=title,
        title_justify="left",
        caption=f"{result.photos:,} photos; interval: 95 % paired bootstrap over people",
        caption_justify="left",
    )
    table.add_column("")
    for column in ("champion", "challenger", "difference", "interval", "margin", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for of, rows in groupby(result.rows, key=lambda row: row.of):
        table.add_section()
        table.add_row(f"[bold]{TITLES[of]}")
        for row in rows:
            table.add_row(*_cells(row), style="red" if row.refused else None)
    return table


def _cells(row: Row) -> tuple[str, ...]:
    interval = f"{row.low:+.3f} to {row.high:+.3f}"
    limit = "" if row.margin is None else f"{row.margin:g}"
    mark = "refused" if row.refused else "passed" if row.margin is not None else ""
    return row.group, f"{row.champion:.3f}", f"{row.challenger:.3f}", f"{row.difference:+.3f}", interval, limit, mark


def history(name: str, known: Sequence[AliasChange]) -> Table:
    """Every change of the alias champion."""
    table = Table(title=f"{name}: history of the champion", title_justify="left")
    for column in ("time (UTC)", "champion", "before", "how", "person", "reason"):
        table.add_column(column, overflow="fold")
    for row in _rows(known):
        table.add_row(*(cell(text) for text in row))
    return table


def _rows(known: Iterable[AliasChange]) -> Iterable[tuple[str, ...]]:
    for change in known:
        time = f"{change.time:%Y-%m-%d %H:%M}"
        if change.since:
            time = f"after {change.since:%Y-%m-%d %H:%M}, detected {time}"
        yield time, _number(change.after), _number(change.before), change.kind, change.person, change.reason


def _number(version: int | None) -> str:
    return "none" if version is None else str(version)
