"""Join the shards of crops, and show some of them."""

from kfp import dsl

from components import component


@component
def pack(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    sheets: dsl.Output[dsl.HTML],
) -> str:
    """Join the shards of crops, and show some of them."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [sheets])
