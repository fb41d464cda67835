"""The outbox: a folder on disk with everything that a run logs, until it is uploaded to MLflow."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from pipeline.foundation import files
from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import TRACKING
from pipeline.tracking.entries import ENTRY, End, Entry, Start

DAMAGED = "damaged"


class DamagedOutboxError(InputError):
    """An outbox that cannot be read: damaged on disk, or written by another version of the program."""


@dataclass
class Sent:
    """How much of an outbox is uploaded: the number of entries, the ids of the runs, and the last fault.

    A run that is `reopened`, or that Kubeflow has `given`, is ended by others; so is the parent of the latter.
    """

    entries: int = 0
    run: str | None = None
    pipeline: str | None = None
    reopened: bool = False
    given: bool = False
    fault: str = ""


SENT = TypeAdapter(Sent)


class Outbox:
    """A folder with entries.jsonl, which only grows, copies of files, and sent.json.

    A line without a line end is ignored: when a process is killed in the middle of a line, the lines before it remain.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk_failed = False  # the disk is full or broken: nothing more is logged

    @classmethod
    def new(cls) -> "Outbox":
        """An empty outbox; names sort by time."""
        place = folder().resolve() / f"{time.time_ns()}-{uuid4().hex[:12]}"
        place.mkdir(parents=True)
        return cls(place)

    @property
    def name(self) -> str:
        """A name that no other outbox has, on any machine."""
        return self.folder.name

    def append(self, entry: Entry) -> None:
        """Append an entry and flush it to the disk; threads and processes may append at the same time.

        A run appends a few entries per epoch, so the cost of a flush per entry is negligible. An entry that does not
        fit on the disk is removed again, so that the file still ends with a complete line.
        """
        path = self.folder / "entries.jsonl"
        with files.naming(path), path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            try:
                _write_all(file, f"{entry.model_dump_json()}\n".encode())
                os.fsync(file)
            except OSError:
                file.truncate(before)
                raise

    def entries(self) -> list[Entry]:
        """Read all complete entries.

        Raises:
            DamagedOutboxError: When a line is not an entry of this version, or the first is not the start of a run.
        """
        path = self.folder / "entries.jsonl"
        try:
            lines = path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        found: list[Entry] = []
        for number, line in enumerate(lines, start=1):
            try:
                found.append(ENTRY.validate_json(line))
            except ValidationError as error:
                raise DamagedOutboxError(f"{path}, line {number}: {error.errors()[0]['msg']}") from None
        if found and not isinstance(found[0], Start):
            raise DamagedOutboxError(f"{path}, line 1: not the start of a run")
        return found

    def size(self) -> int:
        """Bytes of the entries."""
        with suppress(FileNotFoundError):
            return (self.folder / "entries.jsonl").stat().st_size
        return 0

    def largest_file(self) -> int:
        """Bytes of the largest copied file; 0 when the uploading process has just removed them."""
        with suppress(FileNotFoundError):
            found = (path for path in (self.folder / "files").rglob("*") if not path.is_dir())
            return max((path.stat().st_size for path in found), default=0)
        return 0

    def ended(self) -> bool:
        """Whether the run has logged its end."""
        return any(isinstance(entry, End) for entry in self.entries())

    def new_file(self, name: str) -> Path:
        """A path for a new artifact with this name, or path in the run; a `File` entry must then refer to it."""
        place = self.folder / "files" / uuid4().hex[:12] / name
        place.parent.mkdir(parents=True)
        return place

    def sent(self) -> Sent | None:
        """Read how much is uploaded; None without a valid sent.json.

        Everything is then uploaded again, which changes nothing in MLflow.
        """
        try:
            return SENT.validate_json((self.folder / "sent.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def save_sent(self, sent: Sent) -> None:
        """Write sent.json, which holds how much is uploaded."""
        files.write_text(self.folder / "sent.json", json.dumps(asdict(sent)))

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Claim the outbox; yields False when another process has it. A run holds its own until its process ends."""
        with ExitStack() as held:
            try:
                file = held.enter_context((self.folder / "lock").open("w"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                own = self.folder.exists()
            except (BlockingIOError, FileNotFoundError):  # another process has it, or has just uploaded it
                own = False
            yield own

    def remove(self) -> None:
        """Remove an outbox that is uploaded; renamed first, so that no other process starts to upload it."""
        uploaded = self.folder.rename(self.folder.with_name(self.name.replace("-", "_")))
        shutil.rmtree(uploaded, ignore_errors=True)  # NFS keeps a folder in which a file, the lock, is open

    def set_aside(self) -> Path:
        """Move a damaged outbox to a folder that is never uploaded; returns its new path."""
        place = self.folder.parent / DAMAGED / self.name
        place.parent.mkdir(exist_ok=True)
        return self.folder.rename(place)


def waiting() -> list[Outbox]:
    """The outboxes on disk, the oldest first."""
    return [Outbox(path.parent) for path in sorted(folder().glob("*-*/entries.jsonl"))]


def folder() -> Path:
    """The folder of the outboxes."""
    return Path(os.environ.get(TRACKING, "tracking"))


def _write_all(file: FileIO, data: bytes) -> None:
    """Write all bytes: a disk that becomes full takes some of them and refuses the next write."""
    while data:
        data = data[file.write(data) :]
