"""Verdicts and histories at the terminal."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from pipeline.registry.alias_history import AliasChange
from pipeline.registry.gate import Row, Verdict

TITLES = {
    "score": "Score",
    "attribute": "Attributes, macro F1",
    "class": "Classes, F1",
    "slice": "Slices, right answers",
}
WIDTH = 100  # columns that a verdict needs


def verdict(found: Verdict, champion: str, challenger: str) -> Table:
    """Champion and challenger side by side, `WIDTH` columns wide; what is refused is red."""
    title = f"champion: {champion}; challenger: {challenger}; {found.people:,} people held out by both"
    table = Table(
        title=title,
        title_justify="left",
        caption=f"{found.photos:,} photos; interval: of 95 % of redrawn people, paired",
        caption_justify="left",
    )
    table.add_column("")
    for column in ("champion", "challenger", "difference", "interval", "may lose", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for of, rows in groupby(found.rows, key=lambda row: row.of):
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
    """Every move of the alias champion."""
    table = Table(title=f"{name}: who was champion", title_justify="left")
    for column in ("time (UTC)", "champion", "before", "how", "person", "reason"):
        table.add_column(column, overflow="fold")
    for row in _moves(known):
        table.add_row(*map(escape, row))
    return table


def _moves(known: Iterable[AliasChange]) -> Iterable[tuple[str, ...]]:
    for move in known:
        time = f"{move.time:%Y-%m-%d %H:%M}"
        if move.since:
            time = f"after {move.since:%Y-%m-%d %H:%M}, noticed {time}"
        yield time, _number(move.after), _number(move.before), move.kind, move.person, move.reason


def _number(version: int | None) -> str:
    return "nobody" if version is None else str(version)
