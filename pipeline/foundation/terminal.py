"""Messages for the terminal: control characters, as file names may have them, are escaped."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.table import Table

QUIET = "PIPELINE_QUIET"
"""Environment variable that, set to anything, drops what `log` prints and all bars, in child processes too."""


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what `log` prints and all bars, in a part of a command."""
    before = os.environ.get(QUIET)
    os.environ[QUIET] = "1"
    try:
        yield
    finally:
        del os.environ[QUIET]
        os.environ.update({QUIET: before} if before else {})


def is_quiet() -> bool:
    """Whether `log` prints nothing."""
    return bool(os.environ.get(QUIET))


def log(text: str, to: TextIO | None = None) -> None:
    """Print a message without delay, to stdout by default; nothing with `--quiet`."""
    if not is_quiet():
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
