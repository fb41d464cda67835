"""Who is at work in a workspace: one `run` at a time, and none beside a `dvc repro`.

While a stage runs, DVC notes in `.dvc/tmp/rwlock` which process reads and writes what. Between two stages, and while
DVC starts, nothing is noted there. A `run` therefore holds `.dvc/tmp/run` from its start to its end, by `flock`: that
ends with the process, however it dies.
"""

import fcntl
import json
import math
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import psutil

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.terminal import log, warn
from pipeline.orchestration.graph import NO_GIT

TICK = 0.2  # seconds between two looks at who is at work


@contextmanager
def held(folder: Path = Path(), patience: float = 0.0) -> Iterator[None]:
    """Hold a workspace for a run.

    Args:
        folder: The workspace.
        patience: Seconds to wait for the end of others who are at work there.

    Raises:
        InputError: When others are still at work; it names their processes.
    """
    noted = _Noted.of(folder)
    if noted is None:  # no repository: every `dvc repro` will report it
        yield
        return
    with noted.path.with_name("run").open("a+", encoding="utf-8") as file:
        _await_end(lambda: _other_run(file) or noted.live(), folder, patience)
        _sign(file)
        yield


@contextmanager
def held_runs(folder: Path) -> Iterator[None]:
    """Hold a folder of several workspaces and the data set that they share, by `flock` of its file `.lock`.

    Raises:
        InputError: When another process holds it; the error names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        remedy = "wait for its end, or name another --folder"
        raise_faults(f"another command runs in {folder.resolve()}; {remedy}", _other_run(file))
        _sign(file)
        yield


def require_unlocked(folder: Path, patience: float = 0.0) -> None:
    """Wait for the end of the live processes to which DVC has given a lock in a workspace.

    Args:
        folder: The workspace.
        patience: Seconds to wait: the processes of a run that was killed take some to stop.

    Raises:
        InputError: When they are still at work; it names them.
    """
    noted = _Noted.of(folder)
    if noted is not None:
        _await_end(noted.live, folder, patience)


def _await_end(live: Callable[[], list[str]], folder: Path, patience: float) -> None:
    """Return as soon as no process is live; raises `InputError` that names them after `patience` seconds."""
    end = time.monotonic() + patience
    reported: list[str] = []
    while (found := live()) and time.monotonic() < end:
        if patience == math.inf and found != reported:
            log(f"waiting for the end of {', '.join(found)}")
            reported = found
        time.sleep(TICK)
    place = f"others are at work in {folder.resolve()}"
    raise_faults(f"{place}; wait for them (`run --wait`), or end them with `kill`", found)


def _other_run(file: TextIO) -> list[str]:
    """The run that holds the workspace by this file; if none does, the file is held from now on."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return [file.read().strip() or "another run"]
    return []


def _sign(file: TextIO) -> None:
    file.truncate(0)
    print(f"process {os.getpid()}: {shlex.join(psutil.Process().cmdline())}", file=file, flush=True)


@dataclass(frozen=True)
class _Noted:
    """DVC's file of the processes that read and write in a repository."""

    path: Path
    hardlink: bool  # how DVC locks it

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """That of the repository of a folder; None where there is no repository."""
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            with Repo(str(folder), uninitialized=True, config=NO_GIT) as opened:
                place, hardlink = opened.tmp_dir, opened.config["core"].get("hardlink_lock", False)
        except DvcException as error:
            raise InputError(f"DVC: {error}") from error
        return None if place is None else cls(Path(place, "rwlock"), hardlink)

    def live(self) -> list[str]:
        """The live processes that are noted."""
        noted = self._read()
        readers = [holder for holders in noted["read"].values() for holder in holders]
        holders = {holder["pid"]: holder["cmd"] for holder in (*readers, *noted["write"].values())}
        return [f"process {pid}: {command}" for pid, command in holders.items() if _is_live(pid)]

    def _read(self) -> Any:
        """The content; a file that DVC cannot read, as a kill may leave it, is set aside, with a warning.

        DVC writes it in place, but never while others hold the lock that is taken here.
        """
        from dvc.lock import make_lock
        from dvc.rwlock import RWLOCK_LOCK, SCHEMA
        from voluptuous import Invalid

        guard = self.path.with_name(RWLOCK_LOCK)
        with make_lock(str(guard), tmp_dir=str(self.path.parent), hardlink_lock=self.hardlink):
            try:
                return SCHEMA(json.loads(self.path.read_bytes()))
            except FileNotFoundError:
                return SCHEMA({})
            except (ValueError, RecursionError, Invalid):
                aside = self.path.rename(self.path.with_name(f"{self.path.name}.damaged"))
                warn(f"{self.path}: damaged, as by a kill while DVC wrote it; set aside as {aside.name}")
                return SCHEMA({})


def _is_live(pid: int) -> bool:
    try:
        return bool(psutil.pid_exists(pid))
    except OverflowError:  # a number that no process can have
        return False
