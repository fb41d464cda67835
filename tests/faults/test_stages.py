"""Stages on a full disk, with a limit on the size of files, and killed: no half of a file, and the next run goes on.

`FAULT_LEVELS=8 FAULT_KILLS=50 pytest -s tests/faults/test_stages.py` fills the disk to 8 levels, sets 8 limits and
kills at 50 moments, for every stage; `FAULT_SEED=1` at other moments. A stage runs in a fork of this process, which
has imported the large packages: most of the time of a new process goes into that.
"""

import os
import shlex
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli.app import main
from pipeline.evaluation.report import written
from pipeline.orchestration import graph
from pipeline.tracking import runs
from tests.support import workspace
from tests.support.clones import TINY
from tests.support.full_disk import file_size_limit, resize, small_disk

LEVELS, KILLS = (int(os.environ.get(name, "0")) for name in ("FAULT_LEVELS", "FAULT_KILLS"))
SEED = os.environ.get("FAULT_SEED", "")
SHORT = {"crop": "disk", "train": "limit", "ensemble": "disk", "report": "limit"}  # what CI does
LARGE = ("torch", "timm", "cv2", "albumentations", "pyarrow.parquet", "sklearn", "matplotlib.pyplot", "mlflow")
ROOM = 1 << 20  # KiB
PAGE = 4096
REMEDY = {"disk": "No space left on device; free some space", "limit": "File too large; raise the limit on the size"}
Files = Mapping[Path, str]

pytestmark = pytest.mark.filterwarnings("ignore")  # of packages, as in a user's process


class NoUploader:
    """Sends nothing to MLflow: what is logged stays in the outbox."""

    def __init__(self, *_: Any) -> None:
        pass

    def finish(self) -> None:
        pass


@dataclass(frozen=True)
class Outcome:
    """The exit status of a command, None if a signal ended it, and what it printed."""

    status: int | None
    printed: str


def execute(command: str, log: Path, seconds: float | None = None) -> Outcome:
    """Run `python -m pipeline ...` in a fork of this process, and kill it and its children after so many seconds."""
    child = os.fork()
    if not child:
        _become(command, log)
    if seconds is not None:
        time.sleep(seconds)  # at a moment of its work, whatever that is
        with suppress(ProcessLookupError):  # it has no group of its own yet
            os.killpg(child, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return Outcome(os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, log.read_text())


def _become(command: str, log: Path) -> None:
    """Turn this process into the command, in a process group of its own; it does not return."""
    status = 70
    os.setpgid(0, 0)
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv = ["pipeline", *shlex.split(command)[3:]]
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  the test sees it
        traceback.print_exc()
    finally:
        os._exit(status)


def files(root: Path) -> Files:
    """The hash of every file but those of the outbox and the one that says when the report was written."""
    left_out = {"tracking", "__pycache__", written.BESIDE}
    return {
        path.relative_to(root): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not left_out.intersection(path.parts)
    }


def remove(root: Path, before: Files) -> None:
    """Remove the files that are new, as DVC removes the outputs of a stage before it runs."""
    for path in root.rglob("*"):
        if path.is_file() and path.relative_to(root) not in before:
            path.unlink()


@contextmanager
def full_disk(root: Path, sizes: list[int], level: float) -> Iterator[None]:
    """Leave room for a part of the files of these sizes."""
    disk = os.statvfs(root)
    used = disk.f_blocks - disk.f_bfree
    resize(root, PAGE // 1024 * (used + int(level * sum(-(-size // PAGE) for size in sizes))))
    try:
        yield
    finally:
        resize(root, ROOM)


def limited(_root: Path, sizes: list[int], level: float) -> AbstractContextManager[None]:
    """Let no file grow to the size of the largest one."""
    return file_size_limit(int(level * max(sizes)))


FAULTS: Mapping[str, Callable[[Path, list[int], float], AbstractContextManager[None]]] = {
    "disk": full_disk,
    "limit": limited,
}


def cases(stage: str) -> list[tuple[str, float]]:
    """The faults of a stage, each with the part of its files that there is room for, or of its time until the kill."""
    if not LEVELS and not KILLS:
        return [(SHORT[stage], 0.5)] if stage in SHORT else []
    draw = Random(f"{stage}{SEED}")
    levels = [(kind, (number + 0.5) / LEVELS) for kind in FAULTS for number in range(LEVELS)]
    return levels + [("kill", draw.random()) for _ in range(KILLS)]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on a disk of its own."""
    monkeypatch.setattr(runs, "Uploader", NoUploader)
    for name in LARGE:
        import_module(name)
    with small_disk(tmp_path / "disk", ROOM) as disk:
        workspace.copy(disk)
        YAML().dump(TINY, disk / "params.yaml")
        monkeypatch.chdir(disk)
        yield disk
        monkeypatch.undo()


def check(kind: str, outcome: Outcome, what: str) -> str:
    """What a command did: one line that names file and remedy, nothing wrong, or a kill."""
    if kind == "kill":
        return "killed" if outcome.status is None else "had ended before"
    assert outcome.status is not None, f"a signal ended {what}"
    assert "Traceback" not in outcome.printed, what
    errors = [line for line in outcome.printed.splitlines() if line.startswith("error: ")]
    assert len(errors) == outcome.status, what
    assert all(REMEDY[kind] in line and ": " in line.removeprefix("error: ") for line in errors), what
    return "one line" if errors else "no error"


def finish(command: str, log: Path, what: str) -> float:
    """Run a command, which must end well; returns its seconds."""
    began = time.monotonic()
    outcome = execute(command, log)
    assert outcome.status == 0, f"{what}: {outcome.printed}"
    return time.monotonic() - began


def test_after_a_fault_no_part_of_a_file_is_left_and_the_next_run_goes_on(root: Path, tmp_path: Path) -> None:
    log, seen = tmp_path / "printed.txt", Counter[str]()
    for stage in graph.read(root).values():
        before = files(root)
        duration = finish(stage.command, log, stage.name)
        expected = files(root)
        sizes = [path.stat().st_size for path in expected if path not in before]
        for kind, level in cases(stage.kind):
            remove(root, before)
            if kind == "kill":
                outcome = execute(stage.command, log, level * duration)
            else:
                with FAULTS[kind](root, sizes, level):
                    outcome = execute(stage.command, log)
            what = f"{stage.name}, {kind}, {level:.0%}: {outcome.printed}"
            seen[f"{stage.kind}, {kind}: {check(kind, outcome, what)}"] += 1
            left = {path: found for path, found in files(root).items() if not is_unfinished(path)}
            assert {path for path in left if expected.get(path) != left[path]} == set(), f"half-written, {what}"
            duration = finish(stage.command, log, f"after {what}")
            assert files(root) == expected, what
        print(stage.name, *(f"    {name}: {count}" for name, count in seen.items() if stage.kind in name), sep="\n")
    if LEVELS or not KILLS:
        assert {name.partition(",")[0] for name in seen if name.endswith("one line")} >= SHORT.keys()


def is_unfinished(path: Path) -> bool:
    """Whether a file is a checkpoint, or one that is written beside its place and overwritten by the next run."""
    return "checkpoints" in path.parts or path.name.endswith(".partial")
