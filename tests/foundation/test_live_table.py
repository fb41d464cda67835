from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from pipeline.foundation.live_table import board, clock


def shown(terminal: bool) -> str:
    file = StringIO()
    with board(Console(file=file, force_terminal=terminal, width=80), known="waiting") as show:
        for states in ({"a": "waiting"}, {"a": "running"}, {"a": "running"}, {"a": "done"}):
            table = Table("stage", "state")
            table.add_row("a", states["a"])
            show(table, states)
    return file.getvalue()


def test_without_a_terminal_every_change_is_a_line() -> None:
    assert shown(terminal=False) == "a: running\na: done\n"


def test_a_name_cannot_control_the_terminal() -> None:
    file = StringIO()
    with board(Console(file=file, force_terminal=False, width=80), known="waiting") as show:
        show(Table(), {"a\x1b[2J": "running"})
    assert file.getvalue() == "a\\x1b[2J: running\n"


def test_at_a_terminal_the_table_is_drawn_over_and_over() -> None:
    assert shown(terminal=True).count("┏") >= 4


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_times_are_minutes_and_seconds_with_hours_where_there_are_any(seconds: float, text: str) -> None:
    assert clock(seconds) == text
