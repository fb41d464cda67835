"""Train a model a second time, joined by the eval photos that its first round was sure of."""

from kfp import dsl

from components import component


@component
def pseudo_label(
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
    """Train a model a second time, joined by the eval photos that its first round was sure of."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [scores, model, epochs])
