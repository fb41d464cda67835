"""A process that outlives its parent just long enough to end what the parent has started.

It needs nothing but Python's standard library, so that it starts at once and stays small.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Self

GRACE = 10.0  # seconds between two signals
TICK = 0.1


class Watchdog:
    """Ends process groups when this process dies, however it dies. A context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def watch(self, group: int) -> None:
        """End the processes of a group, if any are left when this process dies."""
        self._send(f"+{group}")

    def release(self, group: int) -> None:
        """Forget a group that has ended: its number may be given to another."""
        self._send(f"-{group}")

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._send("end")
        self._process.communicate()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def main() -> None:
    """Read groups from standard input; end those that are left at its end, unless the last line is `end`."""
    groups: set[int] = set()
    for line in sys.stdin:
        match line[0], line.strip()[1:]:
            case "+", number:
                groups.add(int(number))
            case "-", number:
                groups.discard(int(number))
            case _:
                return
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        patience = time.monotonic() + GRACE
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, how)
        while time.monotonic() < patience and any(_is_alive(group) for group in groups):
            time.sleep(TICK)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
