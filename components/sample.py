"""Draw a small data set in the competition's layout."""

from kfp import dsl

from components import component


@component
def sample(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    photos: dsl.Output[dsl.HTML],
) -> str:
    """Draw a small data set in the competition's layout."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [photos])
