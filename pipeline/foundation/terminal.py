"""Messages for the terminal: control characters, as file names may have them, are escaped."""

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.table import Table

QUIET = "PIPELINE_QUIET"
"""Environment variable that, set to anything, drops what `log` prints, in child processes too."""


def log(text: str, to: TextIO | None = None) -> None:
    """Print a message without delay, to stdout by default; nothing with `--quiet`."""
    if not os.environ.get(QUIET):
        print(printable(text), file=to, flush=True)


def warn(text: str) -> None:
    """Print a message to stderr, without delay, as `WARNING: text`."""
    print(f"WARNING: {printable(text)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """A text whose control characters are escaped, but for line ends and tabs.

    A file name may hold any character: `\\x1b[2J` would clear the screen, a right-to-left mark reverse a line.
    """
    return "".join(
        character if character.isprintable() or character in "\n\t" else character.encode("unicode_escape").decode()
        for character in text
    )


def cell(text: str) -> str:
    """A text for a table or a message of Rich: printable, and without markup."""
    from rich.markup import escape

    return escape(printable(text))


def print_table(table: "Table") -> None:
    """Print a table as wide as its cells need, so that none is cut; a narrower terminal breaks its lines."""
    from rich.console import Console
    from rich.measure import Measurement

    unbounded = Console(width=10_000)
    needed = Measurement.get(unbounded, unbounded.options, table).maximum
    Console(width=max(Console().width, needed)).print(table)
