"""What a run comes from: the commit, the DVC stage, and the run of the whole pipeline that it is a part of."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

PIPELINE_RUN = "PIPELINE_RUN"  # set by what starts stages in several processes or on several machines
COMMIT = "PIPELINE_COMMIT"  # of an image, which has no git
STAGE = "DVC_STAGE"  # set by DVC


@dataclass(frozen=True)
class PipelineRun:
    """One `dvc repro`, parallel run or Kubeflow run: what no other is called, and what people call it."""

    identity: str
    name: str


def pipeline_run() -> PipelineRun | None:
    """The run of the whole pipeline that this process is a part of; None for a stage that was started by hand.

    All stages of one `dvc repro` descend from one process, which its machine, number and start tell from all others.
    """
    if name := os.environ.get(PIPELINE_RUN):
        return PipelineRun(name, name)
    for process in psutil.Process().parents():
        command = dvc_command(_words(process))
        if command:
            started = process.create_time()
            return PipelineRun(f"{socket.gethostname()} {process.pid} {started:.2f}", named(command, started))
    return None


def named(what: str, started: float) -> str:
    """What people call a run that was started at a time: `dvc repro 2026-01-31 12:00:00`."""
    return f"{what} {datetime.fromtimestamp(started).astimezone():%Y-%m-%d %H:%M:%S}"


def dvc_command(words: Sequence[str]) -> str:
    """The command of DVC that the words of a process are, without its options: `dvc exp run`; or nothing."""
    names = [Path(word).name for word in words[:3]]  # dvc ..., python dvc ..., python -m dvc ...
    if "dvc" not in names:
        return ""
    given = [word for word in words[names.index("dvc") + 1 :] if not word.startswith("-")]
    return " ".join(["dvc", *given[: 2 if given[:1] == ["exp"] else 1]])


def stage() -> dict[str, str]:
    """The DVC stage; nothing outside of DVC."""
    return {"dvc_stage": os.environ[STAGE]} if STAGE in os.environ else {}


def commit() -> dict[str, str]:
    """The commit and whether tracked files differ from it; nothing where there is no git."""
    found = os.environ.get(COMMIT) or _git("rev-parse", "HEAD").strip()
    if not found:
        return {}
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":!dvc.lock")  # a run writes dvc.lock
    return {"git_commit": found, "git_uncommitted_changes": str(bool(changed)).lower()}


def shown(commit: Mapping[str, str]) -> dict[str, str]:
    """A commit also by the name by which MLflow's pages of runs show it."""
    return {**commit, **({"mlflow.source.git.commit": commit["git_commit"]} if commit else {})}


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has just ended, or is somebody else's
        return []
