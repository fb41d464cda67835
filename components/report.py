"""Show data and run on one page, complete in itself."""

from kfp import dsl

from components import component


@component
def report(
    stage: str,
    run_id: str,
    parents: list[str],
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    page: dsl.Output[dsl.HTML],
) -> str:
    """Show data and run on one page, complete in itself."""
    from pipeline.orchestration.kubeflow.task import run

    return run(stage, run_id, parents, remote, mlflow, experiment, overrides, [page])
