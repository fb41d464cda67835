"""Progress of long steps: a bar with the time left at a terminal, and a line a minute elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from pipeline.foundation.processes import is_first
from pipeline.foundation.terminal import is_quiet, log

T = TypeVar("T")
MINUTE = 60.0


def watch(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    """The same items, with their progress on stderr; the bar goes away at the end. Nothing is shown with `--quiet`."""
    if not is_first() or is_quiet():
        return items
    console = Console(stderr=True)
    if console.is_terminal:
        return track(items, what, total, console=console, transient=True)
    return _lines(items, what, total)


def _lines(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    started = shown = monotonic()
    for done, item in enumerate(items):
        now = monotonic() if done else started
        if now - shown >= MINUTE:
            shown, left = now, (now - started) / done * (total - done)
            log(f"{what}: {done:,} of {total:,}, about {left / MINUTE:.0f} min left", to=sys.stderr)
        yield item
