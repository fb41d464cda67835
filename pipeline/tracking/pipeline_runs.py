"""Pipeline runs: the MLflow parents of the runs of their stages."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.foundation.terminal import warn
from pipeline.tracking import provenance, store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SETTLED = 1.0  # seconds until a parent created by another process is visible
PARENT = "mlflow.parentRunId"
UNFINISHED = "The ensemble, which has the scores, has not run yet."


def find_or_create(
    client: "MlflowClient", experiment: str, identity: str, name: str, started: int, commit: Mapping[str, str]
) -> str:
    """Id of the MLflow run of a pipeline run, created if there is none.

    Stages on several machines may start at once, and MLflow cannot create a run on the condition that there is none.
    Each process that finds none creates one, waits until those of others are visible, and keeps the smallest id.

    Args:
        client: The store.
        experiment: Id of the experiment.
        identity: The identity of the pipeline run.
        name: Its name.
        started: Its start in milliseconds.
        commit: Tags of the commit.
    """
    tags = {"pipeline_run": identity, "stage": "pipeline"}
    found, own = store.find(client, tags), None
    if not found:
        described = {**commit, "mlflow.note.content": UNFINISHED}
        own = client.create_run(experiment, started, tags | described, name).info.run_id
    if own or time.time() - found[0].info.start_time / 1000 < SETTLED:
        time.sleep(SETTLED)
        found = store.find(client, tags)
    kept = min(run.info.run_id for run in found)
    if own and own != kept:
        client.delete_run(own)
    return str(kept)


def begin(client: "MlflowClient", parent: str) -> None:
    """Set the status of a pipeline run to RUNNING."""
    client.update_run(parent, "RUNNING")


def end(client: "MlflowClient", parent: str, ended: int) -> None:
    """Set the status of a pipeline run from its parts: still running, failed, or finished at `ended` (milliseconds).

    Of a part that Kubeflow restarted after a failure or an eviction, only the last attempt counts.
    """
    experiment = client.get_run(parent).info.experiment_id
    parts = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent}'", order_by=["attributes.start_time ASC"])
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
            for parent in store.find(client, {"pipeline_run": whole.identity, "stage": "pipeline"}):
                _terminate(client, parent, status)
        except store.faults() as error:
            warn(f"MLflow at {store.displayed()}: the pipeline run stays open: {error}")


def _terminate(client: "MlflowClient", parent: "Run", status: str) -> None:
    parts = client.search_runs([parent.info.experiment_id], f"tags.`{PARENT}` = '{parent.info.run_id}'")
    for run in parts:
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "KILLED")
    client.set_terminated(parent.info.run_id, status)
