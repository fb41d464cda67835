"""The compiled pipeline run on this machine by kfp.local, as processes or in containers."""

import json
import os
import re
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import uuid4

from kfp import components, local

from pipeline.foundation import forkserver, processes
from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks
from pipeline.orchestration.kubeflow import specification
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.kubeflow.task import FILES, RUN
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import PROJECT

Engine = Literal["subprocess", "docker"]
IMAGE_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['(?:pipelinechannel--)?(image|slim_image)'\]\}\}")


def run(
    arguments: Arguments,
    engine: Engine,
    environment: Mapping[str, str],
    package: Path = specification.FILE,
    project: Path = PROJECT,
) -> tuple[str, Entries]:
    """Run a compiled pipeline.

    Retries, resources, nodes, volumes and secrets belong to a cluster and are ignored.

    Args:
        arguments: Parameters of the pipeline.
        engine: Whether tasks run as processes or in containers.
        environment: Environment variables of containers, in place of a cluster's secrets.
        package: The compiled file.
        project: Folder with the parameters and .dvc files from which it was compiled.

    Returns:
        The id of the run, under which the DVC remote keeps its parameters and dvc.lock, and the entries of the latter.

    Raises:
        InputError: When the arguments do not fit the project, or a task fails.
    """
    arguments.check(project)
    run_id = str(uuid4())
    compiled = _without_cluster(specification.read(package), arguments, run_id)
    with TemporaryDirectory(prefix="kubeflow-") as folder:
        Path(folder).chmod(0o777)  # a container may run as somebody else
        local.init(_runner(engine, arguments, environment), pipeline_root=folder)
        offered = forkserver.offered(processes.environment(), processes.LIBRARIES)
        with offered if engine == "subprocess" else nullcontext():
            lock = _execute(compiled, arguments)
        if not lock.exists():  # an engine may take a container that failed for one that did not
            raise InputError("the run ended without its dvc.lock, so a task has failed; its log is above")
        return run_id, locks.read(lock)


def _execute(compiled: dict[str, Any], arguments: Arguments) -> Path:
    """Run the pipeline; returns where its dvc.lock is."""
    pipeline = components.load_component_from_text(json.dumps(compiled))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Task .* have no effect")  # what only a cluster has
        warnings.filterwarnings("ignore", "You may be attemping")  # KFP does not know that the image has Python
        try:
            (lock,) = pipeline(**asdict(arguments)).outputs.values()
            return Path(lock.path)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{_with_stages(str(error), specification.tasks(compiled))}; its log is above") from error


def _without_cluster(compiled: dict[str, Any], arguments: Arguments, run_id: str) -> dict[str, Any]:
    """The pipeline with one attempt per task, without the environment of a cluster's containers, in the given images.

    kfp.local leaves placeholders of an image as they are. They are resolved as a backend does it: a field that is one
    placeholder becomes its parameter's value. Raises `InputError` for any other text around a placeholder, of which a
    backend would make a wrong image.
    """
    for task in specification.tasks(compiled).values():
        del task["retryPolicy"]
        task["inputs"]["parameters"].pop("image", None)  # of several nodes: here the task itself trains
    for executor in compiled["deploymentSpec"]["executors"].values():
        container = executor["container"]
        parameter = IMAGE_PARAMETER.fullmatch(container["image"])
        if parameter is None:
            raise InputError(f"{specification.FILE}: image {container['image']} is not a parameter of an image alone")
        container["image"] = getattr(arguments, parameter[1])
        given = [each for each in container["env"] if each["name"] == FILES]
        container["env"] = [*given, {"name": RUN, "value": run_id}]
    return compiled


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


def _with_stages(message: str, tasks: Mapping[str, Any]) -> str:
    """kfp's message with the names of stages instead of numbered tasks, and without its colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message).rstrip(".")
    return re.sub(r"'([\w-]+)'", lambda found: _stage(tasks, found[1]), plain)


def _stage(tasks: Mapping[str, Any], name: str) -> str:
    return f"'{tasks[name]['taskInfo']['name']}'" if name in tasks else f"'{name}'"
