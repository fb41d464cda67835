"""What the container of a task does: one stage, its lock entry, and what Kubeflow's pages show of it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, locks, remote
from pipeline.orchestration.kubeflow import artifacts
from pipeline.orchestration.workspace import scratch

SHARED = "PIPELINE_SHARED"  # folder of the volume that all tasks share
ACCELERATORS = "PIPELINE_ACCELERATORS"  # how many the task has asked for


def run(
    stage: str,
    run_id: str,
    parents: Sequence[str],
    storage: str,
    mlflow: str,
    experiment: str,
    overrides: Sequence[str],
    shown: Sequence[Any] = (),
) -> str:
    """Run a stage by its DVC name, from its parents' packed lock entries to its own; fill the artifacts in `shown`.

    `run_id` is Kubeflow's, the same for all tasks of a run; `storage` is the DVC remote, `mlflow` the tracking server's
    address. What that server does not take is kept on the shared volume, or without one in the remote.
    """
    _require_accelerators(int(os.environ.get(ACCELERATORS, "0")))
    shared = Path(os.environ[SHARED]) if SHARED in os.environ else None
    os.environ |= {"MLFLOW_TRACKING_URI": mlflow, "MLFLOW_EXPERIMENT_NAME": experiment}
    os.environ |= {tracking.PIPELINE_RUN: f"kubeflow {run_id}"}
    os.environ |= {tracking.FOLDER: str(shared / "tracking")} if shared else {}
    with scratch(storage, overrides, shared) as root:
        try:
            entries = remote.run(root, stage, locks.join(parents), shared)
        finally:
            remote.keep_unsent(root, root / "tracking")  # not on the volume
        for artifact in shown:
            artifacts.fill(artifact, root, graph.read(root)[stage])
    return locks.pack(entries)


def join(run_id: str, entries: Sequence[str], storage: str, overrides: Sequence[str], lock: Any) -> None:
    """Join all stages' packed lock entries to the dvc.lock of the run: in the remote, and as an artifact."""
    with scratch(storage, overrides) as root:
        remote.join(root, locks.join(entries), run_id)
        Path(lock.path).write_bytes((root / locks.FILE).read_bytes())


def _require_accelerators(count: int) -> None:
    """Raise `InputError` unless this node has as many GPUs as the task asked for; training would crawl without."""
    if count:
        command = [sys.executable, "-m", "pipeline", "accelerators", "--require", str(count)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise InputError(f"{found.stderr.strip()}")
