"""The KFP components of dvc.yaml's stages: one function, under the name and with the artifacts of each kind."""

from collections.abc import Iterable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.python_component import PythonComponent

from pipeline.foundation import code
from pipeline.orchestration.graph import Stage

ARTIFACTS = {  # what Kubeflow's pages show of a stage, by its kind; of any other kind its metrics
    "sample": ("page",),
    "relabel": ("dataset",),
    "crop": (),
    "pack": ("page",),
    "split": ("dataset", "page"),
    "train": ("metrics", "model", "page"),
    "pseudo_label": ("metrics", "model", "page"),
    "refit": ("metrics", "model", "page"),
    "ensemble": ("metrics", "confusion", "page"),
    "submit": ("dataset", "metrics", "page"),
    "report": ("page",),
}
NETWORKS = "torch"  # in the whole image, and not in the slim one
STAGES = Path("pipeline", "stages")
OUTPUT = "Output"  # KFP's name for the value that a component returns

component = partial(dsl.component, base_image="python", install_kfp_package=False)  # the pipeline names the image


@component
def run_stage(
    stage: str,
    parents: list[str],
    parameters: str,
    code: str,
    remote: str,
    mlflow: str,
    experiment: str,
    overrides: list[str],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    model: dsl.Output[dsl.Model],
    dataset: dsl.Output[dsl.Dataset],
    page: dsl.Output[dsl.HTML],
    image: str = "",
) -> str:
    """Run one stage of dvc.yaml: from the lock entries of its parents to its own."""
    import os

    from pipeline.orchestration.kubeflow import task

    os.environ.update(task.environment(mlflow, experiment))
    shown = [artifact for artifact in (metrics, confusion, model, dataset, page) if artifact is not None]
    return task.run(stage, parents, remote, overrides, shown, parameters, code, image)


@component
def join_locks(entries: list[str], remote: str, overrides: list[str]) -> None:
    """Join the lock entries of all stages to the dvc.lock of the run."""
    from pipeline.orchestration.kubeflow import task

    task.join(entries, remote, overrides)


@component
def finish_run(
    remote: str,
    mlflow: str,
    experiment: str,
    status: dsl.PipelineTaskFinalStatus,
    lock: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
) -> None:
    """Report what ran and what failed, and end the MLflow run, however the stages ended."""
    import os

    from pipeline.orchestration.kubeflow import ending, task

    os.environ.update(task.environment(mlflow, experiment))
    ending.finish(status.state, status.error_message or "", remote, lock, summary)


def in_networks(dependencies: Iterable[str]) -> bool:
    """Whether a stage with these dependencies runs in the whole image: its code imports torch, maybe through others."""
    entries = [path for path in map(Path, dependencies) if path.parent == STAGES]
    return any(NETWORKS in code.packages(entry) for entry in entries)


def shown(stage: Stage) -> tuple[str, ...]:
    """The names of the artifacts that Kubeflow's pages show of a stage."""
    return ARTIFACTS.get(stage.kind, ("metrics",) if stage.metrics else ())


def stage_component(stage: Stage, on_nodes: bool = False) -> Any:
    """Make the component of a stage's kind: `run_stage` with that name, the stage's text, and its artifacts alone.

    Its input `image` is that of the nodes of a training which runs on several.
    """
    specification = copy(run_stage.component_spec)
    specification.name = stage.kind.replace("_", "-")
    specification.description = stage.description
    specification.outputs = {name: specification.outputs[name] for name in (*shown(stage), OUTPUT)}
    if not on_nodes:
        specification.inputs = {name: each for name, each in specification.inputs.items() if name != "image"}
    return PythonComponent(specification, run_stage.python_func)
