"""A progress bar for people at a terminal; silence elsewhere."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from pipeline.foundation.processes import is_first

T = TypeVar("T")


def watch(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The same items, with a bar on stderr that goes away at the end."""
    console = Console(stderr=True)
    return track(items, what, total, console=console, transient=True, disable=not (console.is_terminal and is_first()))
