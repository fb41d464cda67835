"""Copies of the project to run in: its code alone, or a clone with git, DVC and tiny parameters."""

import atexit
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.foundation import processes
from pipeline.foundation.forkserver import ADDRESS, Forkserver
from pipeline.orchestration.runner import ATOMIC_DVC

ROOT = Path(__file__).parents[2]
CODE = ("pipeline", "fixes", "dvc.yaml", ".dvcignore")
ENTRY: dict[str, Any] = {
    "backbone": "test_resnet",
    "pretrained": False,
    "image_size": 48,
    "epochs": 2,
    "optimizer": {"name": "adamw", "learning_rate": 3e-3},
}
VIT: dict[str, Any] = {  # no batch normalisation, whose statistics are of a process's own share of a batch
    "backbone": "test_vit",
    "pretrained": False,
    "image_size": 160,
    "heads": {"mask": {}},
    "batch_size": 16,
    "optimizer": {"name": "adamw", "learning_rate": 1e-3},
}
PARAMS: dict[str, Any] = {
    "data": {"root": "data/sample"},
    "sample": {"people": 24, "eval_people": 4, "seed": 1},
    "relabel": {"fixes": []},
    "crop": {"size": 48, "shards": [0, 1]},
    "split": {"folds": 2},
    "train": {"models": ["face", "years"], "folds": [0, 1]},
    "refit": {"models": ["years"], "epochs": {}, "validation": None, "soup": []},
    "pseudo_label": {"models": ["face"], "share": 0.5, "weight": 0.5, "targets": "hard", "student": {}},
    "models": {
        "face": ENTRY | {"heads": {"mask": {}, "gender": {"loss": "focal"}}},
        "years": ENTRY | {"heads": {"age": {"kind": "regression", "loss": "smooth_l1"}}},
    },
    "tta": {"face": {"flip": True}, "years": {}},
    "ensemble": {"systems": [["face", "years"]]},
    "submission": {"name": "submission"},
}


def copy(root: Path, *more: str) -> Path:
    """Copy what stages need, and more files and folders by name, into a folder that may be new."""
    root.mkdir(parents=True, exist_ok=True)
    for name in (*CODE, *more):
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        take(ROOT / name, root / name)
    return root


@cache
def forkserver() -> Forkserver:
    """A server for all tests of this process, as `run` has one."""
    server = Forkserver(processes.environment(), processes.LIBRARIES).__enter__()
    atexit.register(server.__exit__)
    return server


class Workspace:
    """A clone of the project with tiny parameters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs: list[str] = []  # what each `dvc repro` printed
        copy(root, ".gitignore")
        YAML().dump(PARAMS, root / "params.yaml")
        self.run("git", "init", "--quiet")
        self.dvc("init", "--quiet")
        self.run("git", "add", ".")
        self.run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "all")

    def dvc(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments)

    def environment(self) -> dict[str, str]:
        """The environment of a user's shell, with one thread for torch."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        return environment

    def run(self, *command: str, **variables: str) -> str:
        environment = self.environment() | variables
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def repro(self, *arguments: str) -> set[str]:
        """Run DVC as `run` does, with stages that are forked; returns those whose command ran."""
        self.outputs.append(self.run(sys.executable, str(ATOMIC_DVC), *arguments, **{ADDRESS: forkserver().address}))
        return {line.split("'")[1] for line in self.outputs[-1].splitlines() if line.startswith("Running stage")}

    def hashes(self) -> dict[str, Any]:
        """Hash of every output, by path."""
        lock = YAML(typ="safe").load(self.root / "dvc.lock")
        return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
