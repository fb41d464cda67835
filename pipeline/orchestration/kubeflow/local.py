"""The compiled pipeline run on this machine by kfp.local, as processes or in containers."""

import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from kfp import components, local
from ruamel.yaml import YAML

from pipeline.foundation import processes
from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks
from pipeline.orchestration.kubeflow import compiled
from pipeline.orchestration.kubeflow.arguments import Arguments

Engine = Literal["subprocess", "docker"]


def run(arguments: Arguments, engine: Engine, environment: Mapping[str, str]) -> None:
    """Run this folder's pipeline.yaml; in the end dvc.lock is what `dvc repro` would have left.

    What only a cluster has does not apply: retries, resources, volumes and secrets; containers get `environment`.
    Raises `InputError` when pipeline.yaml or the arguments do not fit the project, or a task fails: then dvc.lock
    stays as it was.
    """
    compiled.check()
    arguments.check()
    specification = _without_cluster(next(YAML(typ="safe").load_all(compiled.FILE)), arguments.image_tag)
    with TemporaryDirectory(prefix="kubeflow-") as folder:
        Path(folder).chmod(0o777)  # a container may run as somebody else
        local.init(_runner(engine, arguments, environment), pipeline_root=folder)
        lock = _execute(specification, arguments)
        if not lock.exists():  # an engine may take a container that failed for one that did not
            raise InputError("the run ended without its dvc.lock, so a task has failed; its log is above")
        locks.write(locks.read(lock))


def _execute(specification: Mapping[str, Any], arguments: Arguments) -> Path:
    """Run the pipeline; returns where its dvc.lock is."""
    pipeline = components.load_component_from_text(json.dumps(specification))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Task .* have no effect")  # what only a cluster has
        warnings.filterwarnings("ignore", "You may be attemping")  # the image's name does not say that it has Python
        try:
            return Path(pipeline(**asdict(arguments)).outputs[compiled.OUTPUT].path)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{_with_stages(str(error), specification)}; its log is above") from error


def _without_cluster(specification: dict[str, Any], image_tag: str) -> dict[str, Any]:
    """The pipeline with one attempt a task, the image's tag in place, and nothing that a cluster tells a container."""
    for task in specification["root"]["dag"]["tasks"].values():
        task.pop("retryPolicy")
    for executor in specification["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["image"] = f"{container['image'].partition(':{{')[0]}:{image_tag}"
        container.pop("env", None)
    return specification


def _runner(engine: Engine, arguments: Arguments, environment: Mapping[str, str]) -> Any:
    if engine == "subprocess":
        os.environ |= processes.environment()
        return local.SubprocessRunner(use_venv=False)
    mine = {"user": f"{os.getuid()}:{os.getgid()}"} if os.getuid() else {}  # instead of root, the image's own user
    return local.DockerRunner(
        network_mode="host",
        read_only=True,
        environment=dict(environment),
        mounts=[
            {"Type": "volume", "Target": "/tmp"},
            *({"Type": "bind", "Source": str(each), "Target": str(each)} for each in arguments.folders),
        ],
        **mine,
    )


def _with_stages(message: str, specification: Mapping[str, Any]) -> str:
    """kfp's message with the names of stages for those of tasks, which it numbers, and without its colours."""
    tasks = specification["root"]["dag"]["tasks"]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message).rstrip(".")
    return re.sub(r"'([\w-]+)'", lambda found: _stage(tasks, found[1]), plain)


def _stage(tasks: Mapping[str, Any], name: str) -> str:
    return f"'{tasks[name]['taskInfo']['name']}'" if name in tasks else f"'{name}'"
