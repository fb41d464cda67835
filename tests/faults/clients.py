"""Clients of an MLflow server, each a process that logs one run as a training does: clients.py FOLDER COUNT EPOCHS"""

import os
import random
import sys
import time
import traceback
from pathlib import Path

from pipeline.tracking import pipeline_runs, store
from pipeline.tracking.entries import End, Entry, File, Metrics, Start, Tags
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.provenance import PipelineRun
from pipeline.tracking.sender import Sender

PATIENCE = 600  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  # seconds between two attempts while MLflow is unavailable


def log(number: int, epochs: int) -> None:
    """Log a run, an entry at a time, and send what has not arrived yet until all has."""
    outbox = Outbox.new()
    upload, end = Upload(outbox), time.monotonic() + PATIENCE
    whole = PipelineRun("under load", "under load")
    tags = {pipeline_runs.IDENTITY: whole.identity}
    start = Start(name=f"run-{number}", address="", experiment="load", tags=tags, commit={}, pipeline=whole)
    file = outbox.new_file("note.txt")
    file.write_text(f"{number}")
    metrics = [Metrics(values={"loss": float(epoch), "f1": 1.0 / epoch}, step=epoch) for epoch in range(1, epochs + 1)]
    note = File(path=file.relative_to(outbox.folder).as_posix())
    entries: list[Entry] = [start, Tags(values={"number": str(number)}), *metrics, note, End(status="FINISHED")]
    for entry in entries:
        outbox.append(entry)
        upload.attempt()
    while not upload.attempt():
        assert time.monotonic() < end, f"run-{number}, {outbox.sent()}:\n{upload.fault}"
        time.sleep(0.1)


class Upload:
    """Attempts to upload with growing pauses after those that fail, as `uploader` makes them, only shorter."""

    def __init__(self, outbox: Outbox) -> None:
        self._sender = Sender(outbox)
        self._pause = self._not_before = 0.0
        self.fault = ""

    def attempt(self) -> bool:
        """Whether all has arrived; not tried before the pause has passed."""
        if time.monotonic() < self._not_before:
            return False
        try:
            self._sender.send()
        except store.faults():
            self.fault = traceback.format_exc()
            self._pause = min(2 * self._pause or FIRST_PAUSE, LONGEST_PAUSE)
            self._not_before = time.monotonic() + random.uniform(0.5, 1) * self._pause  # not all at once
            return False
        self._pause = 0.0
        return True


if __name__ == "__main__":
    folder, count, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    os.chdir(folder)
    store.connect()
    children = []
    for number in range(count):  # forked, as MLflow is imported once
        if child := os.fork():
            children.append(child)
            continue
        log(number, epochs)
        os._exit(0)
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))
