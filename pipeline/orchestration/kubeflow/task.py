"""What the container of a task executes: one stage, its lock entry, and the artifacts on Kubeflow's pages."""

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
from pipeline.orchestration.kubeflow.records import recorded
from pipeline.orchestration.kubeflow.specification import JOIN
from pipeline.orchestration.workspace import scratch

SHARED = "PIPELINE_SHARED"  # folder of the volume that all tasks share
RUN_ID = "MLFLOW_RUN_ID"  # of the plugin, which also sets MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_ID, MLFLOW_WORKSPACE
ACCELERATORS = "PIPELINE_ACCELERATORS"  # how many the task has asked for


def environment(run_id: str, mlflow: str, experiment: str) -> dict[str, str]:
    """What the process of a task adds to its environment before anything else: where its stage logs its run.

    Kubeflow's MLflow plugin (KEP-12862) gives a task a run of its own; that run and the plugin's server are then used.
    """
    shared = {tracking.FOLDER: str(Path(os.environ[SHARED], "tracking"))} if SHARED in os.environ else {}
    address = {"MLFLOW_TRACKING_URI": mlflow, "MLFLOW_EXPERIMENT_NAME": experiment}
    if RUN_ID in os.environ:
        address = {tracking.TASK_RUN: os.environ[RUN_ID]}
    return {**address, **shared, tracking.PIPELINE_RUN: f"kubeflow {run_id}"}


def run(
    stage: str,
    run_id: str,
    parents: Sequence[str],
    storage: str,
    overrides: Sequence[str],
    shown: Sequence[Any] = (),
) -> str:
    """Run a stage from the lock entries of its parents to its own.

    What the MLflow server does not take is kept on the shared volume, or in the remote if there is none.

    Args:
        stage: DVC's name of the stage.
        run_id: Kubeflow's id of the run.
        parents: Packed lock entries of the stage's parents.
        storage: The DVC remote.
        overrides: Changes of params.yaml, as in `dvc exp run -S`.
        shown: Output artifacts, filled from the stage's outputs.

    Returns:
        The packed lock entry of the stage.

    Raises:
        InputError: When the node lacks the requested accelerators, or the stage cannot run or fails.
    """
    _require_accelerators(int(os.environ.get(ACCELERATORS, "0")))
    shared = Path(os.environ[SHARED]) if SHARED in os.environ else None
    with scratch(storage, overrides, shared) as root, recorded(root, run_id, stage):
        try:
            entries = remote.run(root, stage, locks.join(parents), shared)
        finally:
            remote.keep_unsent(root, root / "tracking")  # not on the volume
        for artifact in shown:
            artifacts.fill(artifact, root, graph.read(root)[stage])
    return locks.pack(entries)


def join(run_id: str, entries: Sequence[str], storage: str, overrides: Sequence[str]) -> None:
    """Join the packed lock entries of all stages to the dvc.lock of the run, which is kept in the remote."""
    with scratch(storage, overrides) as root, recorded(root, run_id, JOIN):
        remote.join(root, locks.join(entries), run_id)


def _require_accelerators(count: int) -> None:
    """Raise `InputError` unless torch can use this many GPUs: training would take days on the CPU."""
    if count:
        command = [sys.executable, "-m", "pipeline", "accelerators", "--require", str(count)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise InputError(f"{found.stderr.strip()}")
