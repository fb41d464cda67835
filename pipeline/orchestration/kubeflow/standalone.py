"""A stage as a component of anybody's pipeline: its data come and go as KFP artifacts, without a DVC remote."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.foundation import processes
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import link
from pipeline.orchestration import graph
from pipeline.orchestration.kubeflow import artifacts
from pipeline.orchestration.kubeflow.task import RUN_ID
from pipeline.orchestration.workspace import PROJECT, change, scratch

PLACES = {  # where a stage has the content of each artifact; a file, or the folder that the artifact is a part of
    "photos": "data/sample",
    "labels": "data/labels.parquet",
    "folds": "data/folds.parquet",
    "shards": "data/crops/shards",
    "previews": "data/crops/previews",
    "crops": "data/crops",
    "model": "models",
    "predictions": "models",
    "results": "results/ensemble",
    "submission": "results",
}
ROOT = "${data.root}"


def artifact_of(path: str) -> str | None:
    """The artifact that has a path of dvc.yaml; None for code, and for what only a page shows."""
    place = Path(path.replace(ROOT, PLACES["photos"]))
    if "predictions" in place.parts:
        return "predictions"
    found = [name for name, base in PLACES.items() if place.is_relative_to(base) and place.suffix != ".html"]
    return max(found, key=lambda name: len(PLACES[name]), default=None)


def run(
    name: str,
    overrides: Sequence[str],
    mlflow: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    shown: Sequence[Any],
    project: Path = PROJECT,
) -> None:
    """Run a stage on input artifacts and fill its output artifacts.

    Args:
        name: DVC's name of the stage: `train@mask-0`.
        overrides: Changes of params.yaml, as in `dvc exp run -S`; they may change the graph.
        mlflow: Address of the MLflow server; with an empty one, runs are logged where the environment says.
        inputs: Input artifacts, or lists of them, by the keys of `PLACES`.
        outputs: Output artifacts by the keys of `PLACES`.
        shown: Output artifacts for Kubeflow's pages.
        project: Root of the project, with its params.yaml.

    Raises:
        InputError: For overrides that DVC refuses, a stage that the parameters do not have, and one that fails.
    """
    with TemporaryDirectory(prefix="unused-") as remote, scratch(remote, project=project) as root:
        change(root, [*overrides, f"data.root={PLACES['photos']}"])
        stage = graph.find(graph.read(root), name)
        for key, given in inputs.items():
            for each in given if isinstance(given, list) else [given]:
                _copy(Path(each.path), root / PLACES[key])
        address = {"MLFLOW_TRACKING_URI": mlflow} if mlflow else {}
        if RUN_ID in os.environ:
            address = {processes.TASK_RUN: os.environ[RUN_ID]}
        environment = processes.environment() | {processes.STAGE: name} | address
        code = subprocess.run(stage.command, shell=True, cwd=root, env=environment, check=False).returncode
        if code:
            raise InputError(f"stage {name}: exit status {code}; its log is above")
        for out in stage.outs:
            made = artifact_of(out)
            if made is not None and made in outputs:
                _copy(root / out, Path(outputs[made].path) / Path(out).relative_to(PLACES[made]))
        for artifact in shown:
            artifacts.fill(artifact, root, stage)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder, into a folder that may have others' files already; files are linked where possible."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)
