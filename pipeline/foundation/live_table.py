"""A table that lives at a terminal; elsewhere a line whenever something in it changes its state."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.foundation.terminal import printable

Show = Callable[[Table, Mapping[str, str]], None]


@contextmanager
def board(console: Console, known: str) -> Iterator[Show]:
    """What is called again and again with a table and the states of its rows, which all begin in the state `known`."""
    if not console.is_terminal:
        yield _lines(console, known)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda table, _: live.update(table, refresh=True)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: `0:07`, `1:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _lines(console: Console, known: str) -> Show:
    before: dict[str, str] = {}

    def show(_: Table, states: Mapping[str, str]) -> None:
        for name, state in states.items():
            if state != before.get(name, known):
                console.print(printable(f"{name}: {state}"), highlight=False, markup=False)
        before.update(states)

    return show
