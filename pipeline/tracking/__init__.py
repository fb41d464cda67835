"""MLflow: the only folder that imports it. `MLFLOW_TRACKING_URI` decides where runs go."""

from pipeline.tracking.runs import EXPERIMENT, STORE, Run, digest, flat, maker, prepare, run, run_that_made, seconds

__all__ = ["EXPERIMENT", "STORE", "Run", "digest", "flat", "maker", "prepare", "run", "run_that_made", "seconds"]
