"""The smallest whole pipeline: one model of three heads, one fold, one epoch, a few drawn people."""

import shlex
from contextlib import chdir
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.cli.app import app
from pipeline.orchestration import graph
from tests.support.workspace import copy

EXPERIMENT = "mask-gender-age-sample"
PARAMS: dict[str, Any] = {
    "data": {"root": "data/sample"},
    "sample": {"people": 24, "eval_people": 4, "seed": 1},
    "relabel": {"fixes": []},
    "crop": {"size": 48, "method": "center", "shards": [0]},
    "split": {"folds": 2},
    "train": {"models": ["three"], "folds": [0]},
    "refit": {"models": []},
    "pseudo_label": {"models": []},
    "models": {
        "three": {
            "backbone": "test_resnet",
            "pretrained": False,
            "image_size": 48,
            "epochs": 1,
            "optimizer": {"name": "adamw", "learning_rate": 3e-3},
            "heads": {"mask": {}, "gender": {}, "age": {}},
        }
    },
    "tta": {"three": {}},
    "ensemble": {"systems": [["three"]]},
    "submission": {"name": "submission"},
}


def project(root: Path, people: int = 24, epochs: int = 1) -> Path:
    """A copy of the project with these parameters."""
    copy(root)
    params = deepcopy(PARAMS)
    params["sample"]["people"] = people
    params["models"]["three"]["epochs"] = epochs
    YAML().dump(params, root / "params.yaml")
    return root


def run(root: Path, first: str | None = None) -> None:
    """All stages (those from `first` on) in this process, each by its own command, as `dvc repro` does in processes."""
    with chdir(root):
        stages = list(graph.read().values())
        names = [stage.name for stage in stages]
        for stage in stages[names.index(first) if first else 0 :]:
            pipeline(stage.command.removeprefix("python -m pipeline "))


def pipeline(command: str) -> None:
    """A command of the program, in this process."""
    app(shlex.split(command), standalone_mode=False)
