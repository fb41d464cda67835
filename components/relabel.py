"""Read the labels and apply the corrections that params name."""

from kfp import dsl

from components import component


@component
def relabel(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    labels: dsl.Output[dsl.Dataset],
) -> str:
    """Read the labels and apply the corrections that params name."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [labels])
