"""Pipeline runs: the MLflow parents of the runs of their stages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.foundation.terminal import warn
from pipeline.tracking import copied_runs, provenance, store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"
REGISTER = "register"  # stage of the runs of registrations, which are listed below a pipeline run and no part of it
LATEST = 200  # runs among which the latest pipeline run is sought
IDENTITY = "pipeline_run"  # tag of a pipeline run and of its parts
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
    own, described = None, {**commit, store.DESCRIPTION: UNFINISHED}
    while not (active := [run for run in _found(client, identity) if not store.is_deleted(run)]):
        own = client.create_run(experiment, started, _tags(identity) | described, name).info.run_id
    kept = _first(active)
    _move(client, identity, [run for run in active if run.info.run_id == own and run is not kept], kept)
    return str(kept.info.run_id)


def unite(client: "MlflowClient", identity: str) -> str | None:
    """Unite the MLflow runs of a pipeline run into one.

    Stages on several machines may start at once, and MLflow cannot create a run on the condition that there is none:
    each of them may create one. Every process keeps the run that started first and moves the others into it: its own
    after it has created one, all of them before it ends a part. A deleted run may still get a part, from a process that
    found it before; its parts are moved too. The last process sees all runs, so one run is left in the end, however
    slow the server is.

    Returns:
        The id of the run that is kept; None if there is none.
    """
    while found := _found(client, identity):
        active = [run for run in found if not store.is_deleted(run)]
        if not active:
            break
        kept = _first(active)
        if not _move(client, identity, [run for run in found if run is not kept], kept):
            return str(kept.info.run_id)
    return None


def latest(client: "MlflowClient", experiment_id: str) -> str | None:
    """Id of the latest pipeline run of an experiment; None when there is none."""
    wanted = f"tags.{IDENTITY} != ''"
    found = client.search_runs([experiment_id], wanted, max_results=LATEST, order_by=["attributes.start_time DESC"])
    return next((run.info.run_id for run in found if PARENT not in run.data.tags), None)


def begin(client: "MlflowClient", parent: str) -> None:
    """Set the status of a pipeline run to RUNNING."""
    client.update_run(parent, "RUNNING")


def end(client: "MlflowClient", parent: str, ended: int) -> None:
    """Set the status of a pipeline run from its parts: still running, failed, or finished at `ended` (milliseconds).

    Of a part that Kubeflow restarted after a failure or an eviction, only the last attempt counts.
    """
    parts = [run for run in reversed(store.find(client, {PARENT: parent})) if run.data.tags.get("stage") != REGISTER]
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
    faults = store.faults()  # imported before the deadline begins
    with store.deadline(store.request_timeout()):
        try:
            client = store.connect()
            if parent := unite(client, whole.identity):
                _terminate(client, parent, status)
        except faults as error:
            warn(f"MLflow at {store.displayed()}: the pipeline run stays open: {error}")


def _terminate(client: "MlflowClient", parent: str, status: str) -> None:
    for run in store.find(client, {PARENT: parent}):
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
    client.set_terminated(parent, status)


def _first(active: Sequence["Run"]) -> "Run":
    """The run that every process keeps."""
    return min(active, key=lambda run: (run.info.start_time, run.info.run_id))


def _move(client: "MlflowClient", identity: str, sources: Sequence["Run"], target: "Run") -> bool:
    """Move what was logged to pipeline runs, and their parts, to another one; False when there is nothing to move.

    One run after the other, so that an attempt that is interrupted leaves less to the next: a slow server may not get
    through all of them before the deadline.
    """
    if not sources:
        return False
    changed, parts = False, store.find(client, {IDENTITY: identity})
    for run in sources:
        own, gone = [part for part in parts if part.data.tags.get(PARENT) == run.info.run_id], store.is_deleted(run)
        if not gone:
            copied_runs.copy(client, run, target, replaceable=UNFINISHED)
        for part in own:
            client.set_tag(part.info.run_id, PARENT, target.info.run_id)
        if not gone:
            client.delete_run(run.info.run_id)
        changed = changed or bool(own) or not gone
    return changed


def _found(client: "MlflowClient", identity: str) -> list["Run"]:
    """All MLflow runs of a pipeline run, those in the trash too."""
    return store.find(client, _tags(identity), deleted=True)


def _tags(identity: str) -> dict[str, str]:
    return {IDENTITY: identity, "stage": "pipeline"}
