"""A run on its way to MLflow: everything it says, on disk before it is sent, line by line."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

FOLDER = "PIPELINE_TRACKING"  # names another folder than tracking/
Entry = dict[str, Any]


@dataclass
class Sent:
    """How far a outbox has been sent: entries that have arrived, and the ids of the runs that they went to."""

    entries: int = 0
    run: str | None = None
    pipeline: str | None = None
    reopened: bool = False


class Outbox:
    """A folder with entries.jsonl, which only grows, copies of files, and sent.json.

    An entry is a line that was written to its end: a kill in the midst of one leaves what came before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()

    @classmethod
    def new(cls) -> "Outbox":
        """An empty outbox; names sort by time."""
        place = folder() / f"{time.time_ns()}-{uuid4().hex[:12]}"
        place.mkdir(parents=True)
        return cls(place)

    @property
    def name(self) -> str:
        """What no other outbox is called, on whatever machine."""
        return self.folder.name

    def append(self, kind: str, **content: Any) -> None:
        """Write an entry, from whatever thread; `time` is now, in milliseconds as MLflow counts them.

        An entry that the disk has no room for is taken back whole, so that a later one does not end its line.
        """
        line = json.dumps({"kind": kind, "time": time.time_ns() // 1_000_000} | content)
        with self._lock, (self.folder / "entries.jsonl").open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                _write(file, f"{line}\n".encode())
            except OSError:
                file.truncate(before)
                raise

    def entries(self) -> list[Entry]:
        """All entries that were written to their end."""
        path = self.folder / "entries.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def place(self, name: str) -> Path:
        """Where to put a file of this name that an entry will speak of."""
        folder = self.folder / "files" / uuid4().hex[:12]
        folder.mkdir(parents=True)
        return folder / name

    def sent(self) -> Sent:
        """How far it has been sent."""
        path = self.folder / "sent.json"
        return Sent(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Sent()

    def note(self, sent: Sent) -> None:
        """Keep how far it has been sent; a kill at any moment leaves the old note or the new one."""
        partial = self.folder / "sent.partial"
        partial.write_text(json.dumps(asdict(sent)), encoding="utf-8")
        partial.replace(self.folder / "sent.json")

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether this process, and no other, may send it now: a run holds its own until it ends or is killed."""
        with ExitStack() as held:
            try:
                file = held.enter_context((self.folder / "lock").open("w"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = self.folder.exists()
            except (BlockingIOError, FileNotFoundError):  # another has it, or has just sent it
                mine = False
            yield mine

    def remove(self) -> None:
        """Remove what has all been sent; from the first moment on it is no outbox that another process would send."""
        sent = self.folder.rename(self.folder.with_name(self.name.replace("-", "_")))
        shutil.rmtree(sent, ignore_errors=True)  # NFS keeps a folder in which a file, the lock, is open


def _write(file: FileIO, data: bytes) -> None:
    """Write all of it: a disk that fills up takes a part, and refuses the next."""
    while data:
        data = data[file.write(data) :]


def waiting() -> list[Outbox]:
    """The journals on disk, oldest first."""
    return [Outbox(path.parent) for path in sorted(folder().glob("*-*/entries.jsonl"))]


def folder() -> Path:
    """Where journals lie."""
    return Path(os.environ.get(FOLDER, "tracking"))
