"""Deal the people into folds."""

from kfp import dsl

from components import component


@component
def split(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    folds: dsl.Output[dsl.Dataset],
    classes: dsl.Output[dsl.HTML],
) -> str:
    """Deal the people into folds."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [folds, classes])
