"""pipeline.yaml as it is read: the names that compiler, server and local runner agree on, and its tasks."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.orchestration import graph

FILE = Path("pipeline.yaml")
NAME = "mask-gender-age"
JOIN = "join"  # the task after all stages: it writes the dvc.lock of the run
LOCK = "lock"  # its artifact


def read(path: Path = FILE) -> dict[str, Any]:
    """The pipeline's specification, the first of the file's two documents."""
    return dict(next(YAML(typ="safe").load_all(path)))


def tasks(specification: dict[str, Any]) -> dict[str, Any]:
    """The tasks by their keys in the specification; `taskInfo.name` is the stage's name."""
    return dict(specification["root"]["dag"]["tasks"])


def task_names(path: Path = FILE) -> dict[str, str]:
    """The names of all stages by the keys of their tasks, in the order of the graph."""
    keys = {task["taskInfo"]["name"]: key for key, task in tasks(read(path)).items()}
    return {keys[name]: name for name in [*graph.read(), JOIN]}
