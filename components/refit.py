"""Train a model on everybody, for the number of epochs that its folds found best."""

from kfp import dsl

from components import component


@component
def refit(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    scores: dsl.Output[dsl.Metrics],
    model: dsl.Output[dsl.Model],
    epochs: dsl.Output[dsl.HTML],
) -> str:
    """Train a model on everybody, for the number of epochs that its folds found best."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [scores, model, epochs])
