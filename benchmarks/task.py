"""A task's own time on Kubeflow: its whole process without the stage's work, with servers for DVC and MLflow here."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from ruamel.yaml import YAML

from benchmarks.timing import Result, timed
from pipeline.foundation.processes import environment
from pipeline.orchestration.kubeflow import specification, task
from tests.support.mlflow_server import Server

ROUNDS = 5
MLFLOW = "MLFLOW_TRACKING_URI"
MADE = "made"  # the folder whose content the stages of the benchmark copy to their outs
FILES = {
    "split": {"data/folds.parquet": ".", "data/classes.csv": "fold,class\n0,0\n", "data/classes.png": "."},
    "train": {
        "models/mask/folds/0/weights.safetensors": ".",
        "models/mask/folds/0/metrics.json": '{"macro_f1": 0.5}',
        "models/mask/folds/0/epochs.csv": "epoch,val_loss\n1,0.5\n",
    },
}
TUNE = "from pipeline.foundation import process_settings; process_settings.tune()"
IMPORTS = {"split": "pipeline.stages.split", "train": "pipeline.stages.train, pipeline.tracking, mlflow"}
NAMES = {"split": "without torch", "train": "with torch"}
WANTED = {"split": "under 6 s", "train": "under 12 s"}
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-east-1"}


def measure(_: Path | None) -> list[Result]:
    with TemporaryDirectory() as folder, _served() as variables:
        root = Path(folder)
        _project(root)
        return [row for kind in FILES for row in _rows(root, kind, variables)]


def _rows(root: Path, kind: str, variables: Mapping[str, str]) -> Iterator[Result]:
    """The time of a task whose stage starts and does no work, and of one that takes the result of the first."""
    container = _container(kind)
    for what, remotes in {"its stage does nothing": range(1, ROUNDS + 1), "unchanged": [1] * ROUNDS}.items():
        rounds = [timed(partial(_run, root, kind, container, remote, variables)) for remote in remotes]
        wall, processor = (median(column) for column in zip(*rounds, strict=True))
        yield Result(f"task {NAMES[kind]}, {what}", WANTED[kind], wall, note=f"{processor:.1f} s of processor time")


def _project(root: Path) -> None:
    """Write a project of this code whose stages import what they need, and then copy files."""
    real = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    shutil.copytree("pipeline", root / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    stages = {}
    for kind, files in FILES.items():
        for name, text in files.items():
            path = root / MADE / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        stages[kind] = {
            "cmd": f'python -c "{TUNE}; import {IMPORTS[kind]}" && cp -r {MADE}/{kind}/. .',
            "deps": [MADE, *(path for path in real[kind]["deps"] if path.startswith("pipeline/"))],
            "outs": [name for name in files if not name.endswith(".json")],
            "metrics": [name for name in files if name.endswith(".json")],
        }
    YAML().dump({"stages": stages}, root / "dvc.yaml")
    (root / "params.yaml").write_text("{}\n")
    (root / ".dvcignore").touch()


def _container(kind: str) -> dict[str, Any]:
    """The container of a compiled task of a kind."""
    compiled = specification.read()
    return dict(compiled["deploymentSpec"]["executors"][f"exec-{kind}"]["container"])


def _run(root: Path, kind: str, container: Mapping[str, Any], remote: int, variables: Mapping[str, str]) -> None:
    """Run the command of a compiled task as a backend's launcher does."""
    with TemporaryDirectory() as folder:
        given = json.dumps(_executor_input(Path(folder), kind, f"s3://bucket/{remote}", variables[MLFLOW]))
        words = [*container["command"], *(given if word == "{{$}}" else word for word in container["args"])]
        subprocess.run(words, cwd=root, env={**variables, "TMPDIR": folder}, check=True, capture_output=True)


def _executor_input(folder: Path, kind: str, remote: str, mlflow: str) -> dict[str, Any]:
    values = {"stage": kind, "parents": [], "parameters": "", "code": "", "overrides": []}
    addresses = {"remote": remote, "mlflow": mlflow, "experiment": "benchmark"}
    component = specification.read()["components"][f"comp-{kind}"]
    artifacts = {
        name: {"artifacts": [{"name": name, "type": artifact["artifactType"], "uri": str(folder / name)}]}
        for name, artifact in component["outputDefinitions"]["artifacts"].items()
    }
    return {
        "inputs": {"parameterValues": values | addresses},
        "outputs": {
            "artifacts": artifacts,
            "parameters": {"Output": {"outputFile": str(folder / "entry")}},
            "outputFile": str(folder / "outputs.json"),
        },
    }


@contextmanager
def _served() -> Iterator[dict[str, str]]:
    """Variables of a process that finds an S3 server with an empty bucket, and an MLflow server."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    try:
        address = f"http://127.0.0.1:{port}"
        boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="word", region_name="us-east-1"
        ).create_bucket(Bucket="bucket")
        found = {"AWS_ENDPOINT_URL": address, task.RUN: "benchmark", "OMP_NUM_THREADS": "1"}
        with TemporaryDirectory() as folder, Server(Path(folder)) as runs:
            yield environment() | KEYS | found | {MLFLOW: runs.address}
    finally:
        server.stop()
