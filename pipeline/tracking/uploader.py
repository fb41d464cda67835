"""Delivering journals to MLflow: at once where it answers, later where it does not."""

import sys
import time

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.tracking import store
from pipeline.tracking.outbox import Outbox, waiting
from pipeline.tracking.sender import Sender

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0  # seconds between two tries of a run whose server is lost
SYNC = "`python -m pipeline tracking sync`"


class Uploader:
    """What brings a run's outbox to MLflow while the run goes on, and never stops the run."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sender = Sender(outbox)
        self._pause = 0.0
        self._not_before = 0.0
        self._others_are_sent = False

    def deliver(self, last: bool = False) -> None:
        """Send what is new, unless a try has failed a moment ago; the last time in any case, and tidy up."""
        if time.monotonic() < self._not_before and not last:
            return
        try:
            self._sender.send()
        except store.faults() as error:
            self._keep(error, last)
            return
        self._pause = 0.0
        if last:
            self._outbox.remove()
        elif not self._others_are_sent:
            self._others_are_sent = True
            self._send_others()

    def _keep(self, error: Exception, last: bool) -> None:
        self._pause = min(2 * self._pause or FIRST_PAUSE, LONGEST_PAUSE)
        self._not_before = time.monotonic() + self._pause
        fate = (
            f"is kept in {self._outbox.folder}; {SYNC} sends it"
            if last
            else "goes on, and says on disk what it has to say until MLflow answers"
        )
        _warn(f"MLflow at {store.displayed()} does not take this run, which {fate}: {_short(error)}")

    def _send_others(self) -> None:
        try:
            sync()
        except InputError as error:
            _warn(str(error))


def sync() -> int:
    """Send what runs have left on disk, those that were killed as such; returns how many are now in MLflow.

    Runs that are still being written are left alone. Raises `InputError` naming those that could not be sent; what
    of them has arrived is not sent again.
    """
    sent, faults = 0, []
    for outbox in waiting():
        with outbox.claimed() as mine:
            try:
                if mine:
                    _send(outbox)
                    sent += 1
            except store.faults() as error:
                faults.append(f"{outbox.folder}: {_short(error)}")
    raise_faults(f"MLflow does not take what is kept here; try {SYNC} again", faults)
    return sent


def _send(outbox: Outbox) -> None:
    """Send a outbox that nobody writes any more, and remove it."""
    entries = outbox.entries()
    killed = bool(entries) and entries[-1]["kind"] != "end"
    end = {"kind": "end", "time": entries[-1]["time"], "status": "KILLED"} if killed else None
    Sender(outbox).send(end)
    outbox.remove()


def _short(error: Exception) -> str:
    return store.without_secrets(str(error).partition("\n")[0])[:160]


def _warn(message: str) -> None:
    line = "!" * 100
    print(f"{line}\n{message}\n{line}", file=sys.stderr, flush=True)
