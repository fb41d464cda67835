"""Provenance of a run: the commit, the DVC stage, and the pipeline run that it is part of."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from pipeline.foundation.forkserver import ASKED_BY
from pipeline.foundation.processes import PIPELINE_RUN, STAGE, TASK_RUN

COMMIT = "PIPELINE_COMMIT"  # of an image, which has no git
PROGRAMS = ("dvc", "atomic_dvc.py")  # DVC's command line, its own and the runner's


@dataclass(frozen=True)
class PipelineRun:
    """One `dvc repro`, parallel run or Kubeflow run: a unique identity, and a name for people."""

    identity: str
    name: str


def pipeline_run() -> PipelineRun | None:
    """The pipeline run that this process is part of; None for a stage that was started by hand.

    All stages of one `dvc repro` descend from one process; its host, process id and start time identify it.
    """
    if name := os.environ.get(PIPELINE_RUN):
        return PipelineRun(name, name)
    for process in _ancestors():
        command = dvc_command(_words(process))
        if command:
            started = process.create_time()
            return PipelineRun(f"{socket.gethostname()} {process.pid} {started:.2f}", run_name(command, started))
    return None


def task_run() -> str | None:
    """Id of the MLflow run that Kubeflow has created for this task; None elsewhere."""
    return os.environ.get(TASK_RUN)


def run_name(command: str, started: float) -> str:
    """The name of a pipeline run, from its command and start time: `dvc repro 2026-01-31 12:00:00`."""
    return f"{command} {datetime.fromtimestamp(started).astimezone():%Y-%m-%d %H:%M:%S}"


def dvc_command(words: Sequence[str]) -> str:
    """The DVC command in a process's command line, without options: `dvc exp run`; empty if there is none."""
    names = [Path(word).name for word in words[:3]]  # dvc ..., python dvc ..., python -m dvc ...
    found = [index for index, name in enumerate(names) if name in PROGRAMS]
    if not found:
        return ""
    arguments = [word for word in words[found[0] + 1 :] if not word.startswith("-")]
    return " ".join(["dvc", *arguments[: 2 if arguments[:1] == ["exp"] else 1]])


def stage() -> dict[str, str]:
    """The DVC stage as a tag; empty outside of DVC."""
    return {"dvc_stage": os.environ[STAGE]} if STAGE in os.environ else {}


def commit() -> dict[str, str]:
    """The commit and whether tracked files differ from it, as tags; empty without git."""
    found = os.environ.get(COMMIT) or _git("rev-parse", "HEAD").strip()
    if not found:
        return {}
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!dvc.lock")  # a run writes dvc.lock
    return {"git_commit": found, "git_uncommitted_changes": str(bool(changed)).lower()}


def commit_tags() -> dict[str, str]:
    """`commit`, and the tag from which MLflow's pages show the commit of a run."""
    tags = commit()
    return tags | ({"mlflow.source.git.commit": tags["git_commit"]} if tags else {})


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""


def _ancestors() -> Iterator[psutil.Process]:
    """The parents of this process; and the process that had a server start it, with its parents."""
    yield from psutil.Process().parents()
    with suppress(psutil.NoSuchProcess):  # it has ended
        if asked_by := os.environ.get(ASKED_BY):
            asking = psutil.Process(int(asked_by))
            yield from (asking, *asking.parents())


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended, or is somebody else's
        return []
