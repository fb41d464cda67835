"""What the container of a task executes: one stage, its lock entry, and the artifacts on Kubeflow's pages."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.formats.documents import parse_json
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.processes import PIPELINE_RUN, TASK_RUN, TRACKING
from pipeline.orchestration import graph, locks, packing, remote
from pipeline.orchestration.graph import Graph, Stage
from pipeline.orchestration.kubeflow import artifacts
from pipeline.orchestration.kubeflow.records import recorded
from pipeline.orchestration.kubeflow.specification import JOIN
from pipeline.orchestration.workspace import override, prepared

DATA = re.compile(r"data/(?!.*\.\.)[^\0]+\.dvc")
SHARED = "PIPELINE_SHARED"  # folder of the volume that all tasks share
RUN_ID = "MLFLOW_RUN_ID"  # of the plugin, which also sets MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_ID, MLFLOW_WORKSPACE
ACCELERATORS = "PIPELINE_ACCELERATORS"  # how many the task has asked for
RUN = "PIPELINE_KUBEFLOW_RUN"  # Kubeflow's id of the run: not an input, which would be part of Kubeflow's cache key
FILES = "PIPELINE_FILES"  # params.yaml and .dvc files of the run, packed; those in the image are of its build


def run_id() -> str:
    """Kubeflow's id of the run, from the environment; raises `InputError` without it."""
    if found := os.environ.get(RUN):
        return found
    raise InputError(f"{RUN} is empty: the pod has no label pipeline/runid, which Kubeflow Pipelines 2.0 and later set")


def environment(mlflow: str, experiment: str) -> dict[str, str]:
    """What the process of a task adds to its environment before anything else: where its stage logs its run.

    Kubeflow's MLflow plugin (KEP-12862) gives a task a run of its own; that run and the plugin's server are then used.
    """
    shared = {TRACKING: str(Path(os.environ[SHARED], "tracking"))} if SHARED in os.environ else {}
    address = {"MLFLOW_TRACKING_URI": mlflow, "MLFLOW_EXPERIMENT_NAME": experiment}
    if RUN_ID in os.environ:
        address = {TASK_RUN: os.environ[RUN_ID]}
    return {**address, **shared, PIPELINE_RUN: f"kubeflow {run_id()}"}


def run(
    stage: str,
    parents: Sequence[str],
    storage: str,
    overrides: Sequence[str] = (),
    shown: Sequence[Any] = (),
    parameters: str = "",
    code: str = "",
    image: str = "",
) -> str:
    """Run a stage from the lock entries of its parents to its own.

    What the MLflow server does not take is kept on the shared volume, or in the remote if there is none.

    Args:
        stage: DVC's name of the stage.
        parents: Packed lock entries of the stage's parents.
        storage: The DVC remote.
        overrides: Changes of params.yaml, as in `dvc exp run -S`.
        shown: Output artifacts, filled from the stage's outputs.
        parameters: The parameters of the stage for which its task was compiled, as JSON; empty when it is not known.
        code: The digest of the code for which its task was compiled; empty when it is not known.
        image: Image of the nodes of a training that runs on several; empty for a stage that runs in this container.

    Returns:
        The packed lock entry of the stage.

    Raises:
        InputError: When the node lacks the requested accelerators, the run's parameters or the image's code are not
            those for which the task was compiled, or the stage cannot run or fails.
    """
    require_accelerators(int(os.environ.get(ACCELERATORS, "0")))
    shared = Path(os.environ[SHARED]) if SHARED in os.environ else None
    with _workspace(storage, shared) as (root, stages), recorded(root, run_id(), stage):
        found = graph.find(stages, stage)
        _require_compiled(found, root, parameters, code)
        override(root, overrides)
        try:
            entries = remote.run(
                root,
                stage,
                locks.join(parents),
                shared,
                partial(artifacts.read_by, shown, found),
                partial(_run_on_nodes, root, found, parents, storage, overrides, image) if image else None,
                stages=stages,
            )
        finally:
            remote.keep_unsent(root, root / "tracking")  # not on the volume
        for artifact in shown:
            artifacts.fill(artifact, root, found)
    return locks.pack(entries)


def join(entries: Sequence[str], storage: str, overrides: Sequence[str] = ()) -> None:
    """Join the packed lock entries of all stages to the dvc.lock of the run, which is kept in the remote."""
    with _workspace(storage) as (root, _), recorded(root, run_id(), JOIN):
        override(root, overrides)
        remote.join(root, locks.join(entries), run_id())


def files() -> dict[str, str] | None:
    """The files of the run by path; None where it brings none, so that those of the image count."""
    packed = os.environ.get(FILES)
    if not packed:
        return None
    found = parse_json(packing.unpack(packed, FILES), FILES, "compile the pipeline again")
    if strange := [name for name in found if name != "params.yaml" and not DATA.fullmatch(name)]:
        raise InputError(f"{FILES}: {', '.join(strange)}: neither params.yaml nor a .dvc file of data/")
    return dict(found)


def _run_on_nodes(
    root: Path, stage: Stage, parents: Sequence[str], storage: str, overrides: Sequence[str], image: str
) -> None:
    from pipeline.orchestration.kubeflow.nodes import Training  # the only user of the package `kubeflow`

    Training(stage, parents, storage, overrides, image, run_id()).run(root)


def _workspace(storage: str, shared: Path | None = None) -> AbstractContextManager[tuple[Path, Graph]]:
    return prepared(storage, shared=shared, files=files())


def _require_compiled(stage: Stage, root: Path, parameters: str, code: str) -> None:
    """Raise `InputError` unless parameters and code are those for which the task was compiled."""
    faults = []
    if parameters not in ("", here := graph.settings(stage, root)):
        faults.append(f"its parameters are {here}; its task was compiled for {parameters}")
    if code not in ("", graph.code_digest(stage, root)):
        faults.append("the image has other code than that for which its task was compiled; build and push the image")
    raise_faults(f"stage '{stage.name}' does not fit the compiled pipeline", faults)


def require_accelerators(count: int) -> None:
    """Raise `InputError` unless torch can use this many GPUs: training would take days on the CPU."""
    if count:
        command = [sys.executable, "-m", "pipeline", "accelerators", "--require", str(count)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise InputError(f"{found.stderr.strip()}")
