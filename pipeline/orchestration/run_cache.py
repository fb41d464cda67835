"""DVC's run-cache in a remote, asked by hashes: what a stage made the last time that all its inputs were the same.

An entry of the run-cache is a stage's entry of dvc.lock. Its name is the hash of the command, the dependencies, the
parameters and the paths of the outs (dvc/stage/cache.py), so that one request answers whether a stage has to run.

Beside it is a cache of our own, by what a stage reads: a shard of crops has a folder of photos as its dependency, and
reads a part of it.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import warn
from pipeline.orchestration import locks

FOLDER = "runs"
READ = "reads"
UNHASHED = ("size", "nfiles")

Entry = Mapping[str, Any]
Reads = Mapping[str, str | None]
"""The digest of what a stage reads of each file by path; None for a file of which only the name counts."""


def entry(stage: Any) -> Entry:
    """The entry of dvc.lock of DVC's stage, whose dependencies have their hashes."""
    from dvc.stage.serialize import to_single_stage_lockfile

    return dict(to_single_stage_lockfile(stage))


def key(stage: Any) -> str:
    """The hash of all inputs of DVC's stage."""
    return _hash({**entry(stage), "outs": _paths(stage)})


def _key(stage: Any, reads: Reads) -> str:
    """The hash of all that DVC's stage reads."""
    return _hash({**entry(stage), "outs": _paths(stage), "deps": dict(sorted(reads.items()))})


def _paths(stage: Any) -> list[str]:
    return sorted(out.def_path for out in stage.outs)


def _is_partial(reads: Reads) -> bool:
    """Whether a stage does not read all of its dependencies; otherwise the key of its inputs says the same."""
    return None in reads.values()


def find(remote: Any, stage: Any) -> Entry | None:
    """The entry of a stage with the same inputs, or None.

    An entry counts only while the remote still has the outs; of a folder its list of files.
    """
    return _find(remote, _folder(remote, FOLDER, key(stage))) if _is_cached(stage) else None


def find_read(remote: Any, stage: Any, reads: Reads) -> Entry | None:
    """The entry of a stage that has read the same, or None; other dependencies than those may have changed."""
    if not _is_partial(reads):
        return None
    found = _find(remote, _folder(remote, READ, _key(stage, reads)))
    return found and {**entry(stage), "outs": found["outs"]}


def store(remote: Any, stage: Any, reads: Reads | None = None) -> None:
    """Add the entry of a stage, whose outs have their hashes and are in the remote, by its inputs and what it read."""
    from dvc.utils.serialize import dumps_yaml

    if not _is_cached(stage):
        return
    made = entry(stage)
    folders = [_folder(remote, FOLDER, key(stage))]
    if reads and _is_partial(reads):
        folders.append(_folder(remote, READ, _key(stage, reads)))
    for folder in folders:
        remote.fs.makedirs(folder, exist_ok=True)
        remote.fs.pipe_file(remote.fs.join(folder, _hash(made)), dumps_yaml(made).encode())


def _find(remote: Any, folder: str) -> Entry | None:
    """The first entry of a folder whose outs the remote still has."""
    try:
        files = sorted(remote.fs.find(folder))
    except FileNotFoundError:
        return None
    return next(filter(None, (_read(remote, file) for file in files)), None)


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


def _folder(remote: Any, kind: str, name: str) -> str:
    return str(remote.fs.join(remote.path, kind, name[:2], name))
