"""MLflow: the only folder that imports it. `MLFLOW_TRACKING_URI` decides where runs go."""

from pipeline.tracking.outbox import FOLDER, folder
from pipeline.tracking.provenance import PIPELINE_RUN, named
from pipeline.tracking.runs import Run, flat, run, run_that_made
from pipeline.tracking.store import connect, experiment, full_address, maker, prepare, seconds, shown, without_secrets
from pipeline.tracking.uploader import sync

__all__ = [
    "FOLDER",
    "PIPELINE_RUN",
    "Run",
    "connect",
    "experiment",
    "flat",
    "folder",
    "full_address",
    "maker",
    "named",
    "prepare",
    "run",
    "run_that_made",
    "seconds",
    "shown",
    "sync",
    "without_secrets",
]
