"""From a outbox to MLflow: each entry once, however often it is tried."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.tracking import pipeline_runs, store
from pipeline.tracking.outbox import Entry, Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MOST = 100  # values in one request
JOURNAL = "outbox"  # the tag by which a run is found whose making was not confirmed
NOTE = "mlflow.note.content"
LINK = re.compile(r"\[([^\]]*)\]\(sha256:(\w+)\)")


class Sender:
    """Sends what a outbox holds beyond what has arrived.

    An entry that arrived, but whose arrival was not noted, is sent again and changes nothing: a run is found by its
    outbox, parameters, tags and files are replaced by themselves, and MLflow keeps a metric of the same key, step,
    value and time once.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sent = outbox.sent()
        self._client: MlflowClient | None = None

    def send(self, end: Entry | None = None) -> None:
        """Send all entries, and `end` after them; raises what MLflow raises when it cannot be reached."""
        with store.impatient():
            entries = self._outbox.entries()
            for entry in [*entries, *([end] if end else [])][self._sent.entries :]:
                if entry.get("to") != "pipeline" or entries[0]["pipeline"]:  # of no pipeline run nothing is told
                    getattr(self, f"_{entry['kind']}")(self._connected(entries[0]), entry)
                self._sent.entries += 1
                self._outbox.note(self._sent)

    def _connected(self, start: Entry) -> "MlflowClient":
        if self._client is None:
            self._client = store.connect(os.environ.get("MLFLOW_TRACKING_URI", start["address"]))
        return self._client

    def _start(self, client: "MlflowClient", entry: Entry) -> None:
        experiment = store.experiment_id(client, entry["experiment"])
        tags = {JOURNAL: self._outbox.name, **entry["tags"]}
        if entry["pipeline"]:
            whole = {**entry["pipeline"], "started": entry["time"], "comes_from": entry["commit"]}
            self._sent.pipeline = pipeline_runs.find_or_make(client, experiment, **whole)
            pipeline_runs.begin(client, self._sent.pipeline)
            tags[pipeline_runs.PARENT] = self._sent.pipeline
        known = store.producer(client, *entry["reopen"]) if entry["reopen"] else None
        self._sent.reopened = known is not None
        known = known or next(iter(store.find(client, {JOURNAL: self._outbox.name})), None)
        run = known or client.create_run(experiment, entry["time"], tags, entry["name"])
        self._sent.run = run.info.run_id

    def _params(self, client: "MlflowClient", entry: Entry) -> None:
        from mlflow.entities import Param

        for some in _parts(entry["values"]):
            client.log_batch(self._run(entry), params=[Param(key, str(value)) for key, value in some.items()])

    def _tags(self, client: "MlflowClient", entry: Entry) -> None:
        from mlflow.entities import RunTag

        for some in _parts(entry["values"]):
            client.log_batch(self._run(entry), tags=[RunTag(key, str(value)) for key, value in some.items()])

    def _metrics(self, client: "MlflowClient", entry: Entry) -> None:
        from mlflow.entities import Metric

        for some in _parts(entry["values"]):
            metrics = [Metric(key, value, entry["time"], entry["step"]) for key, value in some.items()]
            client.log_batch(self._run(entry), metrics=metrics)

    def _inputs(self, client: "MlflowClient", entry: Entry) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        context = [InputTag("mlflow.data.context", "training")]
        datasets = [DatasetInput(Dataset(**values), context) for values in entry["values"]]
        client.log_inputs(self._run(entry), datasets)

    def _file(self, client: "MlflowClient", entry: Entry) -> None:
        client.log_artifact(self._run(entry), str(self._outbox.folder / entry["path"]))

    def _members(self, client: "MlflowClient", entry: Entry) -> None:
        """Tag the members by content and by run; those of earlier pipeline runs are linked from this one."""
        found = {name: store.producer(client, "weights", content) for name, content in entry["values"].items()}
        tags = {f"member.{name}": content for name, content in entry["values"].items()}
        tags |= {f"member_run.{name}": run.info.run_id if run else "unknown" for name, run in found.items()}
        self._tags(client, entry | {"values": tags})
        if self._sent.pipeline:
            cached = {f"cached.{name}": run.info.run_id for name, run in found.items() if run and self._is_older(run)}
            self._tags(client, entry | {"values": cached, "to": "pipeline"})

    def _note(self, client: "MlflowClient", entry: Entry) -> None:
        """Describe the run; `[mask-0](sha256:...)` becomes a link to the run that made weights of that content."""

        def link(found: re.Match[str]) -> str:
            run = store.producer(client, "weights", found[2])
            if run is None:
                return found[1]
            earlier = " (from an earlier run)" if self._is_older(run) else ""
            return f"[{found[1]}](#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}){earlier}"

        self._tags(client, entry | {"values": {NOTE: LINK.sub(link, entry["text"])}})

    def _end(self, client: "MlflowClient", entry: Entry) -> None:
        if not self._sent.reopened:
            client.set_terminated(self._run(entry), entry["status"], entry["time"])
        if self._sent.pipeline:
            pipeline_runs.end(client, self._sent.pipeline, entry["time"])

    def _run(self, entry: Entry) -> str:
        run = self._sent.pipeline if entry.get("to") == "pipeline" else self._sent.run
        if run is None:
            raise ValueError(f"{self._outbox.folder}: entry '{entry['kind']}' comes before the run's start")
        return run

    def _is_older(self, run: "Run") -> bool:
        """Whether a run was made by another run of the whole pipeline than this one."""
        return self._sent.pipeline is not None and run.data.tags.get(pipeline_runs.PARENT) != self._sent.pipeline


def _parts(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    items = list(values.items())
    return (dict(items[first : first + MOST]) for first in range(0, len(items), MOST))
