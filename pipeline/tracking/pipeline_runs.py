"""Pipeline runs: the MLflow parents of the runs of their stages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.foundation.terminal import warn
from pipeline.tracking import copied_runs, provenance, store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
UNFINISHED = "The ensemble, which has the scores, has not run yet."


def find_or_create(
    client: "MlflowClient", experiment: str, identity: str, name: str, started: int, commit: Mapping[str, str]
) -> str:
    """Id of the MLflow run of a pipeline run, created if there is none.

    Args:
        client: The store.
        experiment: Id of the experiment.
        identity: The identity of the pipeline run.
        name: Its name.
        started: Its start in milliseconds.
        commit: Tags of the commit.
    """
    if kept := unite(client, identity):
        return kept
    described = {**commit, store.DESCRIPTION: UNFINISHED}
    own = client.create_run(experiment, started, _tags(identity) | described, name).info.run_id
    return unite(client, identity) or str(own)


def unite(client: "MlflowClient", identity: str) -> str | None:
    """Unite the MLflow runs of a pipeline run into one.

    Stages on several machines may start at once, and MLflow cannot create a run on the condition that there is none:
    each of them may create one. Every process keeps the run that started first and moves the others into it. A deleted
    run may still get a part, from a process that found it before; its parts are moved too. A process unites after it
    has created a run and before it ends a part. The last one to do so sees all runs, so one run is left in the end,
    however slow the server is.

    Returns:
        The id of the run that is kept; None if there is none.
    """
    while found := store.find(client, _tags(identity), deleted=True):
        active = [run for run in found if not store.is_deleted(run)]
        if not active:
            break
        kept = min(active, key=lambda run: (run.info.start_time, run.info.run_id))
        moved = [_move(client, run, kept) for run in found if run is not kept]
        if not any(moved):
            return str(kept.info.run_id)
    return None


def begin(client: "MlflowClient", parent: str) -> None:
    """Set the status of a pipeline run to RUNNING."""
    client.update_run(parent, "RUNNING")


def end(client: "MlflowClient", parent: str, ended: int) -> None:
    """Set the status of a pipeline run from its parts: still running, failed, or finished at `ended` (milliseconds).

    Of a part that Kubeflow restarted after a failure or an eviction, only the last attempt counts.
    """
    parts = reversed(store.find(client, {PARENT: parent}))
    states = set({run.info.run_name: run.info.status for run in parts}.values())
    if "RUNNING" not in states:
        client.set_terminated(parent, "FINISHED" if states <= {"FINISHED"} else "FAILED", ended)


def end_run(status: str) -> None:
    """Set the status of this process's pipeline run: FINISHED, FAILED or KILLED.

    Parts that are still shown as running, because their process was killed, get the status KILLED. A warning is printed
    when MLflow is unavailable.
    """
    whole = provenance.pipeline_run()
    if whole is None:
        return
    with store.deadline(store.request_timeout()):
        try:
            client = store.connect()
            if parent := unite(client, whole.identity):
                _terminate(client, parent, status)
        except store.faults() as error:
            warn(f"MLflow at {store.displayed()}: the pipeline run stays open: {error}")


def _terminate(client: "MlflowClient", parent: str, status: str) -> None:
    for run in store.find(client, {PARENT: parent}):
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
    client.set_terminated(parent, status)


def _move(client: "MlflowClient", source: "Run", target: "Run") -> bool:
    """Move what was logged to a pipeline run, and its parts, to another one; False when there is nothing to move."""
    active = not store.is_deleted(source)
    if active:
        copied_runs.copy(client, source, target, replaceable=UNFINISHED)
    parts = store.find(client, {PARENT: source.info.run_id})
    for part in parts:
        client.set_tag(part.info.run_id, PARENT, target.info.run_id)
    if active:
        client.delete_run(source.info.run_id)
    return active or bool(parts)


def _tags(identity: str) -> dict[str, str]:
    return {"pipeline_run": identity, "stage": "pipeline"}
