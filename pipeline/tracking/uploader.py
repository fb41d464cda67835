"""Upload of outboxes to MLflow: by a separate process during the run, or by `sync` later.

The separate process isolates the training from MLflow: from a server that hangs, responds slowly or sends invalid
responses, from a locked database, and from the import of MLflow itself. The run's process waits for it only at the end,
and only while entries keep arriving.
"""

import os
import select
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from pipeline.foundation import forkserver
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.terminal import warn
from pipeline.tracking import store, system_metrics
from pipeline.tracking.entries import End
from pipeline.tracking.outbox import DamagedOutboxError, Outbox, waiting
from pipeline.tracking.sender import BYTES_PER_SECOND, Sender

POLL = 0.2  # seconds between two checks of the outbox
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0  # seconds between two attempts while MLflow is unavailable
START_TIMEOUT = 120.0  # seconds for the process to import MLflow and to create a local database, on a busy machine
IDLE_TIMEOUT = 5.0  # seconds without an uploaded entry after which an ended run stops waiting
SYNC = "`python -m pipeline tracking sync`"


class Uploader:
    """The process that uploads a run's outbox while the run lasts."""

    def __init__(self, outbox: Outbox, measure_system: bool) -> None:
        self._outbox = outbox
        command = [sys.executable, "-m", "pipeline.tracking", str(outbox.folder)]
        command += ["--measure-system"] if measure_system else []
        root = str(Path(__file__).parents[2])
        environment = store.no_retry_environment() | {
            "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
        }
        line, end = os.pipe()
        self._line = os.fdopen(end, "wb")  # closed when this process ends, even if it is killed
        self._process: subprocess.Popen[bytes] | forkserver.Process
        if server := os.environ.get(forkserver.ADDRESS):
            self._process = forkserver.start(server, command, Path.cwd(), environment, (line, 1, 2), outlives=True)
        else:  # in a session of its own: Ctrl-C ends the run, which then ends this process
            self._process = subprocess.Popen(command, env=environment, stdin=line, start_new_session=True)
        os.close(line)

    def finish(self) -> None:
        """Wait until the outbox is uploaded, while entries keep arriving; otherwise leave it for `sync`."""
        self._line.close()
        arrived, since = -1, time.monotonic()
        while self._process.poll() is None:
            sent = self._outbox.sent()
            if sent and sent.entries != arrived:
                arrived, since = sent.entries, time.monotonic()
            if time.monotonic() - since > (START_TIMEOUT if arrived < 0 else self._idle_timeout()):
                self._process.kill()
                break
            time.sleep(POLL / 4)
        self._process.wait()
        if self._outbox.folder.exists():
            sent = self._outbox.sent()
            fault = (sent and sent.fault) or "no answer in time"
            _warn(
                f"MLflow at {store.displayed()} does not accept this run, which is kept in {_shown(self._outbox)}; "
                f"{SYNC} sends it: {fault}"
            )

    def _idle_timeout(self) -> float:
        return store.request_timeout(IDLE_TIMEOUT) + self._outbox.largest_file() / BYTES_PER_SECOND


def follow(folder: Path, measure_system: bool) -> None:
    """Upload a run's outbox until the run ends: the main function of the uploading process.

    Its stdin is a pipe from the run's process. If that process is killed, the run gets the status KILLED.
    """
    outbox = Outbox(folder)
    store.prepare()
    upload = _Upload(outbox)
    with system_metrics.measured(outbox) if measure_system else nullcontext():
        ended = _upload_meanwhile(outbox, upload)
    if ended:
        upload.last()
        return
    with outbox.claimed() as free:
        if free:
            _send(outbox)


def sync() -> int:
    """Upload the outboxes of runs that have ended; runs of killed processes get the status KILLED.

    Outboxes of runs that are still logging are skipped, and damaged ones are set aside.

    Returns:
        The number of uploaded outboxes.

    Raises:
        InputError: When MLflow does not accept some of them; the error lists them. Uploaded entries are not sent again.
    """
    uploaded, faults = 0, []
    for outbox in waiting():
        with outbox.claimed() as free:
            try:
                if free:
                    _send(outbox)
                    uploaded += 1
            except DamagedOutboxError as error:
                _warn(f"{error}; the outbox is set aside in {_shown(Outbox(outbox.set_aside()))} and not sent")
            except store.faults() as error:
                faults.append(f"{_shown(outbox)}: {_short(error)}")
    raise_faults(f"MLflow does not accept these runs; try {SYNC} again", faults)
    return uploaded


class _Upload:
    """Attempts to upload an outbox, with pauses while MLflow does not answer."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sender = Sender(outbox)
        self._sender.save_fault("")  # shows the run that this process has started
        self._pause = 0.0
        self._not_before = 0.0
        self._others_sent = False
        self._size = 0  # bytes of the outbox that are uploaded

    def attempt(self) -> None:
        """Upload new entries, unless the pause after a failed attempt lasts."""
        size = self._outbox.size()
        if time.monotonic() < self._not_before or size == self._size:
            return
        try:
            self._sender.send()
        except store.faults() as error:
            self._pause = min(2 * self._pause or FIRST_PAUSE, LONGEST_PAUSE)
            self._not_before = time.monotonic() + self._pause
            self._sender.save_fault(_short(error))
            _warn(
                f"MLflow at {store.displayed()} does not accept this run, which goes on and logs to "
                f"{_shown(self._outbox)} until MLflow answers: {_short(error)}"
            )
            return
        self._pause, self._size = 0.0, size
        self._send_others()

    def last(self) -> None:
        """Upload what is left of a run that has ended."""
        try:
            self._sender.send()
        except store.faults() as error:
            self._sender.save_fault(_short(error))
            return
        self._outbox.remove()
        self._send_others()

    def _send_others(self) -> None:
        """Upload the outboxes of earlier runs, once."""
        if self._others_sent:
            return
        self._others_sent = True
        try:
            sync()
        except InputError as error:
            _warn(str(error))


def _upload_meanwhile(outbox: Outbox, upload: _Upload) -> bool:
    """Upload what the run logs; returns True when the run has ended, False when its process was killed."""
    size = 0
    while True:
        gone = bool(select.select([sys.stdin], [], [], POLL)[0])
        if gone or outbox.size() != size:
            size = outbox.size()
            if outbox.ended():
                return True
        if gone:
            return False
        upload.attempt()


def _send(outbox: Outbox) -> None:
    """Upload and remove an outbox that no process writes any more."""
    entries = outbox.entries()
    killed = bool(entries) and not any(isinstance(entry, End) for entry in entries)
    Sender(outbox).send(End(time=entries[-1].time, status="KILLED") if killed else None)
    outbox.remove()


def _shown(outbox: Outbox) -> Path:
    """The folder relative to the working directory, where it is below it."""
    here = Path.cwd()
    return outbox.folder.relative_to(here) if outbox.folder.is_relative_to(here) else outbox.folder


def _short(error: Exception) -> str:
    return store.without_secrets(str(error).partition("\n")[0])[:160]


def _warn(message: str) -> None:
    line = "!" * 100
    warn(f"{line}\n{message}\n{line}")
