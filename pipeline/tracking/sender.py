"""Sends the entries of an outbox to MLflow; sending an entry again changes nothing."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.foundation.terminal import warn
from pipeline.tracking import pipeline_runs, store
from pipeline.tracking.entries import (
    Description,
    End,
    Entry,
    File,
    LoggedInputs,
    LoggedParams,
    Members,
    Metrics,
    Start,
    Tags,
)
from pipeline.tracking.outbox import DamagedOutboxError, Outbox, Sent

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.exceptions import MlflowException

OUTBOX = "outbox"  # tag that finds a run whose creation was not confirmed
OF_PIPELINE = ("members", "description", "end")  # entries of a run that depend on its pipeline run
ATTEMPTS = 5  # to log to a run, or a pipeline run, that is deleted meanwhile
LINK = re.compile(r"\[([^\]]*)\]\(sha256:(\w+)\)")
BYTES_PER_SECOND = 1e6  # of an artifact, on a slow line


class Sender:
    """Uploads the entries of an outbox that MLflow does not have yet.

    An entry that MLflow received, but that sent.json does not count yet, is sent again and changes nothing: a run is
    found by its outbox, parameters, tags and files are replaced by equal ones, and MLflow stores a metric with the same
    key, step, value and time once.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sent = outbox.sent() or Sent()
        self._client: MlflowClient | None = None

    def send(self, end: End | None = None) -> None:
        """Upload all entries, and `end` after them.

        A run that is missing in MLflow, because its database was lost or restored, or that somebody has deleted, is
        uploaded from the beginning, as a new run. A warning says so. A pipeline run that another process has united
        with an earlier one is replaced by that.

        Raises:
            store.faults(): When MLflow is unavailable or refuses an entry.
            DamagedOutboxError: When the entries cannot be read.
        """
        from mlflow.utils.workspace_context import WorkspaceContext

        entries = [*self._outbox.entries(), *([end] if end else [])]
        logged = next((entry.workspace for entry in entries if isinstance(entry, Start)), None)
        with WorkspaceContext(os.environ.get(store.WORKSPACE, logged)):
            self._send_whole(entries)

    def _send_whole(self, entries: list[Entry]) -> None:
        from mlflow.exceptions import MlflowException

        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._send(entries)
                break
            except MlflowException as error:
                if attempt == ATTEMPTS or not self._is_gone(error):
                    raise
            if self._sent.run:
                warn(
                    f"MLflow at {store.displayed()}: run {self._sent.run} or its pipeline run is gone or deleted; "
                    "it is sent again"
                )
            self._sent = Sent()

    def save_fault(self, fault: str) -> None:
        """Save in sent.json why the upload stopped."""
        self._sent.fault = fault
        self._outbox.save_sent(self._sent)

    def _is_gone(self, error: "MlflowException") -> bool:
        """Whether a request failed because the run, or its pipeline run, is no longer there or in MLflow's trash."""
        runs = [run for run in (self._sent.run, self._sent.pipeline) if run]
        if self._client is None or not runs:
            return False
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return True
        with store.deadline(store.request_timeout()):
            return any(store.is_deleted(self._client.get_run(run)) for run in runs)

    def _send(self, entries: list[Entry]) -> None:
        for entry in entries[self._sent.entries :]:
            start = entries[0]
            assert isinstance(start, Start)
            if entry.to == "pipeline" or entry.kind in OF_PIPELINE:
                self._follow(start, entries[: self._sent.entries])
            self._deliver(start, entry)
            self._sent.entries += 1
            self._sent.fault = ""
            self._outbox.save_sent(self._sent)

    def _deliver(self, start: Start, entry: Entry) -> None:
        if entry.to == "run" or self._has_pipeline(start):
            with store.deadline(store.request_timeout() + self._bytes(entry) / BYTES_PER_SECOND):
                getattr(self, f"_{entry.kind}")(self._connected(start), entry)

    def _follow(self, start: Start, delivered: Sequence[Entry]) -> None:
        """Log to the pipeline run that is kept, where there were several; what was logged to another is logged again.

        The process that united them may have copied it before it was complete.
        """
        if start.pipeline is None or self._sent.given:
            return
        while kept := self._kept(start, start.pipeline.identity):
            if kept == self._sent.pipeline:
                return
            self._sent.pipeline = kept
            for entry in delivered:
                if entry.to == "pipeline":
                    self._deliver(start, entry)

    def _kept(self, start: Start, identity: str) -> str | None:
        with store.deadline(store.request_timeout()):
            return pipeline_runs.unite(self._connected(start), identity)

    def _has_pipeline(self, start: Start) -> bool:
        """Whether there is a pipeline run to log to; that of a given run is the parent that Kubeflow has made."""
        return self._sent.pipeline is not None if self._sent.given else start.pipeline is not None

    def _bytes(self, entry: Entry) -> int:
        return self._file_of(entry).stat().st_size if isinstance(entry, File) else 0

    def _file_of(self, entry: File) -> Any:
        """The file of an entry; raises `DamagedOutboxError` when it is not inside the outbox."""
        path = self._outbox.folder / entry.path
        if not path.is_file() or not path.resolve().is_relative_to(self._outbox.folder.resolve()):
            raise DamagedOutboxError(f"{self._outbox.folder}: {entry.path} is not a file of this outbox")
        return path

    def _connected(self, start: Start) -> "MlflowClient":
        if self._client is None:
            self._client = store.connect(os.environ.get("MLFLOW_TRACKING_URI", start.address))
        return self._client

    def _start(self, client: "MlflowClient", entry: Start) -> None:
        tags = {OUTBOX: self._outbox.name, **entry.tags}
        if given := self._given(client, entry):
            self._take(client, given, entry, tags)
            return
        experiment = store.experiment_id(client, entry.experiment)
        if entry.pipeline:
            whole = entry.pipeline
            self._sent.pipeline = pipeline_runs.find_or_create(
                client, experiment, whole.identity, whole.name, entry.time, entry.commit
            )
            pipeline_runs.begin(client, self._sent.pipeline)
            tags[pipeline_runs.PARENT] = self._sent.pipeline
        known = store.producer(client, *entry.reopen) if entry.reopen else None
        self._sent.reopened = known is not None
        known = known or next(iter(store.find(client, {OUTBOX: self._outbox.name})), None)
        run = known or client.create_run(experiment, entry.time, tags, entry.name)
        self._sent.run = run.info.run_id
        if known and not self._sent.reopened:
            self._tags(client, Tags(values=tags))  # its pipeline run may be another than before

    def _given(self, client: "MlflowClient", entry: Start) -> "Run | None":
        """The run that Kubeflow has created for the task; None without one, or when it is gone or deleted."""
        from mlflow.exceptions import MlflowException

        if entry.given is None:
            return None
        try:
            found = client.get_run(entry.given)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if store.is_deleted(found) else found

    def _take(self, client: "MlflowClient", given: "Run", entry: Start, tags: Mapping[str, str]) -> None:
        """Log to a run that Kubeflow has created, or to the run that is reopened; Kubeflow ends its runs itself."""
        self._sent.given, self._sent.pipeline = True, given.data.tags.get(pipeline_runs.PARENT)
        known = store.producer(client, *entry.reopen) if entry.reopen else None
        self._sent.reopened = known is not None
        self._sent.run = (known or given).info.run_id
        if not self._sent.reopened:
            client.update_run(given.info.run_id, name=entry.name)
            self._tags(client, Tags(values=dict(tags)))

    def _params(self, client: "MlflowClient", entry: LoggedParams) -> None:
        from mlflow.entities import Param

        for batch in store.batches([Param(key, value) for key, value in entry.values.items()]):
            client.log_batch(self._run(entry), params=batch)

    def _tags(self, client: "MlflowClient", entry: Tags) -> None:
        from mlflow.entities import RunTag

        for batch in store.batches([RunTag(key, value) for key, value in entry.values.items()]):
            client.log_batch(self._run(entry), tags=batch)

    def _metrics(self, client: "MlflowClient", entry: Metrics) -> None:
        from mlflow.entities import Metric

        for batch in store.batches([Metric(key, value, entry.time, entry.step) for key, value in entry.values.items()]):
            client.log_batch(self._run(entry), metrics=batch)

    def _inputs(self, client: "MlflowClient", entry: LoggedInputs) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        context = [InputTag("mlflow.data.context", "training")]
        datasets = [DatasetInput(Dataset(**dataset), context) for dataset in entry.datasets]
        client.log_inputs(self._run(entry), datasets)

    def _file(self, client: "MlflowClient", entry: File) -> None:
        client.log_artifact(self._run(entry), str(self._file_of(entry)), entry.folder)

    def _members(self, client: "MlflowClient", entry: Members) -> None:
        """Tag the members' hashes and runs; the pipeline run is tagged with members of earlier pipeline runs."""
        found = {name: store.producer(client, "weights", digest) for name, digest in entry.digests.items()}
        tags = {f"member.{name}": digest for name, digest in entry.digests.items()}
        tags |= {f"member_run.{name}": run.info.run_id if run else "unknown" for name, run in found.items()}
        self._tags(client, Tags(values=tags))
        if self._sent.pipeline:
            cached = {f"cached.{name}": run.info.run_id for name, run in found.items() if run and self._is_older(run)}
            self._tags(client, Tags(values=cached, to="pipeline"))

    def _description(self, client: "MlflowClient", entry: Description) -> None:
        def link(match: re.Match[str]) -> str:
            run = store.producer(client, "weights", match[2])
            if run is None:
                return match[1]
            earlier = " (from an earlier run)" if self._is_older(run) else ""
            return f"[{match[1]}](#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}){earlier}"

        self._tags(client, Tags(values={store.DESCRIPTION: LINK.sub(link, entry.text)}, to=entry.to))

    def _end(self, client: "MlflowClient", entry: End) -> None:
        if self._sent.given:
            return
        if not self._sent.reopened:
            client.set_terminated(self._run(entry), entry.status, entry.time)
        if self._sent.pipeline:
            pipeline_runs.end(client, self._sent.pipeline, entry.time)

    def _run(self, entry: Entry) -> str:
        run = self._sent.pipeline if entry.to == "pipeline" else self._sent.run
        if run is None:
            raise DamagedOutboxError(f"{self._outbox.folder}: '{entry.kind}' without a run; sent.json was changed")
        return run

    def _is_older(self, run: "Run") -> bool:
        """Whether a run is part of another pipeline run than this one."""
        return self._sent.pipeline is not None and run.data.tags.get(pipeline_runs.PARENT) != self._sent.pipeline
