"""A finished run brought home: its dvc.lock, its parameters and its outputs."""

from typing import Any

from ruamel.yaml import YAML

from pipeline import graph, locks, params, remote, tracking
from pipeline.errors import InputError
from pipeline.kubeflow.server import Server
from pipeline.workspace import in_full, scratch


def storage(server: Server, run_id: str) -> str:
    """The DVC remote of a run; raises `InputError` unless the run has succeeded."""
    run = server.run(run_id)
    if run.state != "SUCCEEDED":
        raise InputError(f"run {run_id}: {str(run.state).lower()}; only a run that has succeeded can be fetched")
    return str(run.runtime_config.parameters["remote"])


def fetch(run_id: str, storage: str, replace: bool) -> None:
    """Take over the dvc.lock of a run, and pull its outputs from its DVC remote.

    Raises `InputError` for a run that the remote does not know, one of another graph, and, unless `replace`, one of
    other parameters than those of params.yaml; nothing has changed then.
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
        params.FILE.write_bytes(kept["params.yaml"])
    locks.write(entries)
    _pull(storage)


def _changes(here: bytes, there: bytes) -> list[str]:
    """The parameters whose values differ."""
    ours, theirs = (tracking.flat(YAML(typ="safe").load(text)) for text in (here, there))
    keys = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
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
