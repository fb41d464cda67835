"""Join the lock entries of all stages to the dvc.lock of the run."""

from kfp import dsl

from components import component


@component
def finish(run_id: str, entries: list[str], remote: str, overrides: list[str], lock: dsl.Output[dsl.Artifact]) -> None:
    """Join the lock entries of all stages to the dvc.lock of the run."""
    from pipeline.orchestration.kubeflow.task import join

    join(run_id, entries, remote, overrides, lock)
