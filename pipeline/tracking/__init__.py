"""MLflow tracking: runs, written to an outbox on disk and uploaded from there. Only `registry` imports MLflow, too."""

from pipeline.foundation.processes import PIPELINE_RUN, TASK_RUN, TRACKING
from pipeline.tracking.outbox import folder
from pipeline.tracking.pipeline_runs import end_run as end_pipeline_run
from pipeline.tracking.provenance import commit, run_name
from pipeline.tracking.runs import Run, flat, run, run_with_output
from pipeline.tracking.store import (
    connect,
    displayed,
    duration,
    experiment,
    full_address,
    no_retry_environment,
    prepare,
    producer_id,
    without_secrets,
)
from pipeline.tracking.uploader import sync

__all__ = [
    "PIPELINE_RUN",
    "TASK_RUN",
    "TRACKING",
    "Run",
    "commit",
    "connect",
    "displayed",
    "duration",
    "end_pipeline_run",
    "experiment",
    "flat",
    "folder",
    "full_address",
    "no_retry_environment",
    "prepare",
    "producer_id",
    "run",
    "run_name",
    "run_with_output",
    "sync",
    "without_secrets",
]
