"""Clients of an MLflow server, each a process that logs one run as a training does: clients.py FOLDER COUNT EPOCHS"""

import os
import sys
import time
from pathlib import Path

from pipeline.tracking import pipeline_runs, store
from pipeline.tracking.entries import End, Entry, File, Metrics, Start, Tags
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.provenance import PipelineRun
from pipeline.tracking.sender import Sender

PATIENCE = 600  # seconds


def log(number: int, epochs: int) -> None:
    """Log a run, an entry at a time, and send what has not arrived yet until all has."""
    outbox = Outbox.new()
    sender, end = Sender(outbox), time.monotonic() + PATIENCE
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
        _send(sender)
    while not _send(sender):
        assert time.monotonic() < end
        time.sleep(0.1)


def _send(sender: Sender) -> bool:
    try:
        sender.send()
    except store.faults():
        return False
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
