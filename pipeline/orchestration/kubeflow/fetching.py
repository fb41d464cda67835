"""Fetching a finished run: its dvc.lock, its parameters and its outputs."""

from typing import Any

from ruamel.yaml import YAML

from pipeline import tracking
from pipeline.config import params
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_bytes
from pipeline.orchestration import graph, locks, remote
from pipeline.orchestration.kubeflow.server import Server
from pipeline.orchestration.workspace import in_full, scratch


def storage(server: Server, run_id: str) -> str:
    """The DVC remote of a run; raises `InputError` when it is unknown or the run did not succeed."""
    run = server.run(run_id)
    if run.state != "SUCCEEDED":
        raise InputError(f"run {run_id}: {str(run.state).lower()}; only a run that has succeeded can be fetched")
    given = (run.runtime_config and run.runtime_config.parameters) or {}
    if remote := given.get("remote") or _default(run.pipeline_spec, "remote"):
        return str(remote)
    raise InputError(f"run {run_id}: the server does not know its DVC remote; name it with --remote")


def fetch(run_id: str, storage: str, replace: bool) -> None:
    """Replace dvc.lock by that of a run, and pull its outputs from its DVC remote.

    Args:
        run_id: Kubeflow's id of the run.
        storage: The DVC remote.
        replace: Whether to replace params.yaml when the run had other parameters.

    Raises:
        InputError: For a run that the remote does not know, one of another graph, and, unless `replace`, one with
            other parameters; nothing has changed then.
    """
    with scratch(storage) as root:
        kept = remote.fetch(root, run_id)
        changes = _changes(params.FILE.read_bytes(), kept["params.yaml"])
        if changes and not replace:
            raise InputError(
                f"run {run_id} had other parameters: {'; '.join(changes)}. Keep yours elsewhere (commit them), then "
                "--replace-params takes those of the run"
            )
        for name, content in kept.items():
            (root / name).write_bytes(content)
        entries, stages = locks.read(root / locks.FILE), graph.read(root)
        locks.check(entries, stages, stages)
    if changes:
        write_bytes(params.FILE, kept["params.yaml"])
    locks.write(entries)
    _pull(storage)


def _default(specification: Any, name: str) -> str | None:
    """The default of a parameter of a run's pipeline; None where the server has not kept the pipeline with the run."""
    try:
        return str(specification["pipeline_spec"]["root"]["inputDefinitions"]["parameters"][name]["defaultValue"])
    except (KeyError, TypeError):
        return None


def _changes(here: bytes, there: bytes) -> list[str]:
    """The parameters whose values differ, but for those of `kubeflow`, on which no result depends."""
    ours, theirs = (tracking.flat(YAML(typ="safe").load(text)) for text in (here, there))
    keys = [key for key in ours | theirs if ours.get(key) != theirs.get(key) and not key.startswith("kubeflow.")]
    return [f"{key}: {theirs.get(key)} (here {ours.get(key)})" for key in keys]


def _pull(storage: str) -> None:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    config: dict[str, Any] = {"core": {"remote": "run"}, "remote": {"run": {"url": in_full(storage)}}}
    try:
        with Repo(config=config) as opened:
            opened.pull()
    except DvcException as error:
        raise InputError(f"{storage}: {error}; dvc.lock is that of the run, `dvc pull` brings its files") from error
