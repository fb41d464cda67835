"""Cut every photo of a shard, of train and eval alike, to the face."""

from components import component


@component
def crop(
    stage: str, run_id: str, parents: list[str], remote: str, mlflow: str, experiment: str, overrides: list[str]
) -> str:
    """Cut every photo of a shard, of train and eval alike, to the face."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides)
