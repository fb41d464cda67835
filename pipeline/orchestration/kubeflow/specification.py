"""pipeline.yaml as it is read: the names that compiler, server and local runner agree on, and its tasks."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.orchestration import graph

FILE = Path("pipeline.yaml")
NAME = "mask-gender-age"
JOIN = "join"  # the task after all stages: it writes the dvc.lock of the run
FINISH = "finish"  # the last task, which also runs after a failure: it reports


def read(path: Path = FILE) -> dict[str, Any]:
    """The pipeline's specification, the first of the file's two documents."""
    return dict(next(YAML(typ="safe").load_all(path)))


def tasks(specification: dict[str, Any]) -> dict[str, Any]:
    """All tasks by their keys, those within the exit handler too; `taskInfo.name` is the stage's name."""
    components = specification["components"].values()
    dags = [specification["root"]["dag"], *(component["dag"] for component in components if "dag" in component)]
    found = {key: task for dag in dags for key, task in dag["tasks"].items()}
    return {key: task for key, task in found.items() if "dag" not in _component(specification, task)}


def task_names(path: Path = FILE, root: Path = Path()) -> dict[str, str]:
    """The names of all stages by the keys of their tasks, in the order of the graph of `root`."""
    keys = {task["taskInfo"]["name"]: key for key, task in tasks(read(path)).items()}
    return {keys[name]: name for name in [*graph.read(root), JOIN, FINISH]}


def _component(specification: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    return dict(specification["components"][task["componentRef"]["name"]])
