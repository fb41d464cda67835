"""Write and check the submission; score it where the answers are known."""

from kfp import dsl

from components import component


@component
def submit(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    submission: dsl.Output[dsl.Dataset],
    scores: dsl.Output[dsl.Metrics],
    shares: dsl.Output[dsl.HTML],
) -> str:
    """Write and check the submission; score it where the answers are known."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [submission, scores, shares])
