"""A run on a cluster, from the checks before it to its end."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from pipeline import tracking
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.live_table import Show, clock
from pipeline.foundation.terminal import log
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.kubeflow.server import NoAnswerError, Server

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
PERIOD = 10.0  # seconds between two requests for a run's state
PATIENCE = 900.0  # seconds without an answer after which watching ends; the run goes on


def check(arguments: Arguments, project: Path) -> None:
    """Check everything that a run needs before it is submitted.

    Args:
        arguments: Parameters of the pipeline.
        project: Folder with the parameters and .dvc files of the run.

    Raises:
        InputError: One error with every fault: MLflow is not a server, the DVC remote cannot be written or lacks
            tracked data, or the image does not exist (where a container engine is installed).
    """
    checks: Sequence[Callable[[], None]] = (
        partial(_check_mlflow, arguments.mlflow),
        partial(arguments.check, project),
        partial(_check_image, arguments.image),
        partial(_check_image, arguments.slim_image),
    )
    raise_faults("nothing is submitted", [fault for each in checks for fault in _fault(each)])


def wait(server: Server, run_id: str, names: Mapping[str, str], show: Show) -> None:
    """Watch a run to its end.

    Args:
        server: The server.
        run_id: Kubeflow's id of the run.
        names: The stages by the keys of their tasks.
        show: Displays the table of the stages.

    Raises:
        InputError: Names the stages that failed.
        NoAnswerError: When the server does not answer for a quarter of an hour.
    """
    heard = time.monotonic()
    while True:
        try:
            run, heard = server.run(run_id), time.monotonic()
        except NoAnswerError as silence:
            if time.monotonic() - heard > PATIENCE:
                raise NoAnswerError(f"{silence}; run {run_id} continues on the cluster") from silence
        else:
            tasks = _tasks(run, names)
            show(_table(tasks), {name: str(task.state).lower() for name, task in tasks.items()})
            if run.state in ENDED:
                return _require_success(run, tasks)
        time.sleep(PERIOD)


def submit(server: Server, arguments: Arguments, package: Path, service_account: str | None = None) -> str:
    """Start a run of a compiled pipeline; returns its id. The KFP client prints the address of its page."""
    name = arguments.image.rpartition("/")[2]
    return server.submit(package, arguments.experiment, name, asdict(arguments), service_account)


def _tasks(run: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """The last attempt of every stage as the server has it; drivers and the like are left out."""
    details = (run.run_details and run.run_details.task_details) or []
    found = {names.get(task.display_name, task.display_name): task for task in details}
    return {name: found[name] for name in names.values() if name in found}


def _table(tasks: Mapping[str, Any]) -> Table:
    table = Table("stage", "state", "time")
    for name, task in tasks.items():
        end = task.end_time if str(task.state) in ENDED and task.end_time else datetime.now(UTC)
        table.add_row(
            name, str(task.state).lower(), clock((end - task.start_time).total_seconds()) if task.start_time else ""
        )
    return table


def _require_success(run: Any, tasks: Mapping[str, Any]) -> None:
    if run.state == "SUCCEEDED":
        return
    failed = {name: task for name, task in tasks.items() if task.state == "FAILED"}
    faults = [f"{name}: {task.error.message if task.error else 'see its log'}" for name, task in failed.items()]
    raise_faults(
        f"run {run.run_id}: {run.state.lower()}", faults or [run.error.message if run.error else "no stage says why"]
    )


def _fault(check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except InputError as error:
        yield str(error)


def _check_mlflow(address: str) -> None:
    plain = tracking.without_secrets(address)
    if plain != address:
        raise InputError(
            f"MLflow at {plain}: its address holds a password, which Kubeflow's pages would show; put it into the "
            "secret that kubeflow.secrets names"
        )
    if not address.startswith(("http://", "https://")):
        raise InputError(f"MLflow at {address}: tasks on a cluster need a server, http://... or https://...")


def _check_image(image: str) -> None:
    engine = shutil.which("docker")
    if engine is None:
        log(f"{image}: not checked, there is no container engine here")
        return
    asked = [
        subprocess.run([engine, *words, "inspect", image], capture_output=True, text=True, check=False)
        for words in (["image"], ["manifest"])
    ]
    if all(answer.returncode for answer in asked):
        raise InputError(
            f"image {image}: neither here nor in its registry ({asked[-1].stderr.strip()}); build and push it"
        )
