"""State, times and error of each task of a run, kept in the DVC remote for the last task."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipeline.formats.documents import parse_json
from pipeline.foundation.errors import InputError
from pipeline.orchestration.workspace import repository

REMEDY = "remove the file, or start the run again"
FOLDER = "tasks"  # of the remote: tasks/<run id>/<stage>.json; `runs` is that of the run-cache


@dataclass(frozen=True)
class Record:
    """The latest attempt of a task. Times are seconds since the epoch; `pod` is where its log is."""

    stage: str
    pod: str
    started: float
    ended: float | None = None
    state: Literal["running", "succeeded", "failed"] = "running"
    error: str = ""


@contextmanager
def recorded(root: Path, run_id: str, stage: str) -> Iterator[None]:
    """Record that a task runs, and whether it succeeds; `root` is its workspace."""
    begun = Record(stage, os.environ.get("HOSTNAME") or socket.gethostname(), time.time())
    _write(root, run_id, begun)
    try:
        yield
    except BaseException as error:
        _write(root, run_id, Record(stage, begun.pod, begun.started, time.time(), "failed", str(error)))
        raise
    _write(root, run_id, Record(stage, begun.pod, begun.started, time.time(), "succeeded"))


def read(root: Path, run_id: str) -> dict[str, Record]:
    """The records of a run by stage."""
    with repository(root) as opened:
        remote = opened.cloud.get_remote()
        folder = remote.fs.join(remote.path, FOLDER, run_id)
        files = remote.fs.find(folder) if remote.fs.exists(folder) else []
        records = [_parse(remote.fs.cat_file(file), file) for file in files]
    return {record.stage: record for record in records}


def _parse(content: bytes, place: str) -> Record:
    """The record of a file; raises `InputError` that names `place` for any other content."""
    from pydantic import TypeAdapter, ValidationError  # of the last task alone, which reads the records of all

    found = parse_json(content.decode("utf-8", errors="replace"), place, REMEDY)
    try:
        return TypeAdapter(Record).validate_python(found)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise InputError(f"{place}: not the record of a task: {key}: {fault['msg']}; {REMEDY}") from None


def _write(root: Path, run_id: str, record: Record) -> None:
    with repository(root) as opened:
        remote = opened.cloud.get_remote()
        file = remote.fs.join(remote.path, FOLDER, run_id, f"{record.stage}.json")
        remote.fs.makedirs(remote.fs.parent(file), exist_ok=True)
        remote.fs.pipe_file(file, json.dumps(asdict(record)).encode())
