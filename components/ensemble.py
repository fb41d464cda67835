"""Make one answer of all members' predictions, and score those out of fold."""

from kfp import dsl

from components import component


@component
def ensemble(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    scores: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
) -> str:
    """Make one answer of all members' predictions, and score those out of fold."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [scores, confusion, report])
