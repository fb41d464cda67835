"""DVC's run-cache in a remote, asked by hashes: what a stage made the last time that all its inputs were the same.

An entry of the run-cache is a stage's entry of dvc.lock. Its name is the hash of the command, the dependencies, the
parameters and the paths of the outs (dvc/stage/cache.py), so that one request answers whether a stage has to run.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import warn
from pipeline.orchestration import locks

FOLDER = "runs"
UNHASHED = ("size", "nfiles")

Entry = Mapping[str, Any]


def entry(stage: Any) -> Entry:
    """The entry of dvc.lock of DVC's stage, whose dependencies have their hashes."""
    from dvc.stage.serialize import to_single_stage_lockfile

    return dict(to_single_stage_lockfile(stage))


def key(stage: Any) -> str:
    """The hash of all inputs of DVC's stage."""
    return _hash({**entry(stage), "outs": [out.def_path for out in sorted(stage.outs, key=lambda out: out.def_path)]})


def find(remote: Any, stage: Any) -> Entry | None:
    """The entry of a stage with the same inputs, or None.

    An entry counts only while the remote still has the outs; of a folder its list of files.
    """
    if not _is_cached(stage):
        return None
    try:
        files = sorted(remote.fs.find(_folder(remote, key(stage))))
    except FileNotFoundError:
        return None
    return next(filter(None, (_read(remote, file) for file in files)), None)


def store(remote: Any, stage: Any) -> None:
    """Add the entry of a stage, whose outs have their hashes and are in the remote."""
    from dvc.utils.serialize import dumps_yaml

    if _is_cached(stage):
        made = entry(stage)
        folder = _folder(remote, key(stage))
        remote.fs.makedirs(folder, exist_ok=True)
        remote.fs.pipe_file(remote.fs.join(folder, _hash(made)), dumps_yaml(made).encode())


def _read(remote: Any, file: str) -> Entry | None:
    try:
        found = locks.parse_entry(remote.fs.cat_file(file), file)
    except InputError as error:
        warn(f"an entry of the run-cache is left aside: {error}")
        return None
    hashes = [out["md5"] for out in found["outs"]]
    return found if len(list(remote.odb.list_oids_exists(hashes))) == len(hashes) else None


def _is_cached(stage: Any) -> bool:
    """Whether DVC keeps runs of a stage: not of one without dependencies or outs."""
    return bool(stage.deps and stage.outs and not stage.is_callback and not stage.always_changed)


def _hash(found: Entry) -> str:
    from dvc.utils import dict_sha256

    return str(dict_sha256(found, exclude=list(UNHASHED)))


def _folder(remote: Any, name: str) -> str:
    return str(remote.fs.join(remote.path, FOLDER, name[:2], name))
