"""What a kill at any moment of an action would leave in a file."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


def seen_at_every_line(action: Callable[[], object], path: Path) -> list[str]:
    """What is on the disk under this name before each line of an action: what a kill there would leave."""
    found = []

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        found.append(path.read_text())  # not traced itself
        return trace

    before = sys.gettrace()  # that of coverage
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return found
