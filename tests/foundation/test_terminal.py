"""Text for the terminal: names from data cannot control it."""

import pytest
from rich.table import Table

from pipeline.foundation.terminal import cell, log, print_table, printable, warn


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2J.jpg", r"\x1b[2J.jpg"),
        ("a\rb", r"a\rb"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("Zoë, 写真 [1].jpg", "Zoë, 写真 [1].jpg"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_control_characters_are_escaped_and_others_stay(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_messages_go_to_stdout_and_warnings_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log("a\x1b[2J.jpg: read")
    warn("b\x1b[2J.jpg: not read")
    assert capsys.readouterr() == ("a\\x1b[2J.jpg: read\n", "WARNING: b\\x1b[2J.jpg: not read\n")


def test_a_cell_of_a_table_has_neither_markup_nor_control_characters() -> None:
    assert cell("[red]a\x1b[2J.jpg") == r"\[red]a\x1b[2J.jpg"


def test_no_cell_of_a_table_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    for number in range(30):
        table.add_column(f"column {number}", no_wrap=True)
    table.add_row(*["0.525 (0.469 to 0.577)"] * 30)
    print_table(table)
    assert capsys.readouterr().out.count("0.525 (0.469 to 0.577)") == 30
