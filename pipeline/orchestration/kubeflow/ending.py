"""The last task of a run, which runs whether the stages succeeded, failed or were cancelled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.foundation.live_table import clock
from pipeline.foundation.terminal import log
from pipeline.orchestration import graph, remote
from pipeline.orchestration.kubeflow import nodes, records, task
from pipeline.orchestration.kubeflow.records import Record
from pipeline.orchestration.kubeflow.specification import JOIN
from pipeline.orchestration.locks import FILE
from pipeline.orchestration.workspace import scratch

STATUS = {"SUCCEEDED": "FINISHED", "FAILED": "FAILED"}  # of MLflow, by that of Kubeflow; anything else was killed


def finish(state: str, error: str, storage: str, lock: Any, summary: Any) -> None:
    """Report a run and end its MLflow run.

    Args:
        state: How the stages ended, in Kubeflow's words: SUCCEEDED, FAILED, CANCELLED.
        error: Kubeflow's message on a failure.
        storage: The DVC remote.
        lock: Output artifact for the dvc.lock of a run that succeeded.
        summary: Output artifact for the report, in Markdown.
    """
    run_id = task.run_id()
    with scratch(storage, files=task.files()) as root:
        stages = graph.read(root)
        text = report(run_id, state, error, list(stages), records.read(root, run_id))
        nodes.end_all(root, run_id, stages.values())
        if state == "SUCCEEDED":
            Path(lock.path).write_bytes(remote.fetch(root, run_id)[FILE.name])
    log(text)
    Path(summary.path).write_text(text, encoding="utf-8")
    tracking.end_pipeline_run(STATUS.get(state, "KILLED"))


def report(run_id: str, state: str, error: str, stages: Sequence[str], found: Mapping[str, Record]) -> str:
    """A Markdown table of all stages, with the pods that have their logs, and the errors of those that failed."""
    absent = "unchanged" if state == "SUCCEEDED" else "not started, or unchanged"  # Kubeflow's cache starts no pod
    rows = [_row(stage, found.get(stage), absent) for stage in (*stages, JOIN)]
    head = ["| stage | state | time | pod |", "|---|---|---|---|"]
    failures = [f"**{stage}**\n\n```\n{each.error}\n```" for stage, each in found.items() if each.state == "failed"]
    advice = "The log of a stage: `kubectl logs POD --container main`." if found else ""
    parts = [f"# Run {run_id}: {state.lower()}", error, "\n".join([*head, *rows]), advice, *failures]
    return "\n\n".join(filter(None, parts)) + "\n"


def _row(stage: str, record: Record | None, absent: str) -> str:
    if record is None:
        return f"| {stage} | {absent} | | |"
    if record.ended is None:
        return f"| {stage} | ended without a report | | {record.pod} |"
    return f"| {stage} | {record.state} | {clock(record.ended - record.started)} | {record.pod} |"
