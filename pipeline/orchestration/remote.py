"""One DVC stage run on any machine: lock entries of its parents in, its own out, data through a DVC remote."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.orchestration import checkpoints, graph, locks
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import in_full, repository, scratch

UNSENT = "tracking"  # where a remote keeps what MLflow did not accept
FINISHED = "finished"  # where a remote keeps the dvc.lock of finished runs, by the run's id
KEPT = ("dvc.lock", "params.yaml")


def run(root: Path, name: str, parents: Entries, shared: Path | None = None) -> Entries:
    """Run a stage in a workspace, or take its result from the run-cache.

    The outputs of its parents are pulled and its own are pushed. Checkpoints are kept in the `shared` folder, or in
    the remote if there is none: another attempt with the same inputs resumes from them.

    Args:
        root: The workspace, bound to a DVC remote.
        name: The stage.
        parents: The lock entries of the stage's parents.
        shared: A folder that all tasks share.

    Returns:
        The lock entry of the stage.

    Raises:
        InputError: For a stage that is not in the graph, entries of another graph, a remote that cannot be written or
            lacks outputs of the parents, and for a stage that fails; nothing has been pushed then.
    """
    stages = graph.read(root)
    stage = graph.find(stages, name)
    locks.check(parents, stages, stage.parents)
    locks.write(parents, root / locks.FILE)
    attempts = f"{name}-{_digest(root)}"
    if shared:
        _share_checkpoints(root, shared / checkpoints.FOLDER / attempts)
    with repository(root) as opened:
        require_writable(opened)
        if needed := [*stage.parents, *stage.sources]:
            _pull(opened, needed)
        needs_checkpoints = checkpoints.FOLDER in stage.command and not shared
        keep = checkpoints.kept(opened.cloud.get_remote(), root / checkpoints.FOLDER, attempts)
        with keep if needs_checkpoints else nullcontext():
            opened.reproduce(targets=[name], single_item=True, pull=True)
        opened.push(targets=[name])
        _push_run_cache(opened)  # after the data that it refers to
    return {name: locks.read(root / locks.FILE)[name]}


def join(root: Path, entries: Entries, run_id: str) -> None:
    """Make the dvc.lock of a finished run, and keep it in the remote with the parameters.

    Raises `InputError` unless every stage has its entry and the remote all outs.
    """
    stages = graph.read(root)
    locks.check(entries, stages, stages)
    locks.write({name: entries[name] for name in stages}, root / locks.FILE)
    with repository(root) as opened:
        require(opened, list(stages))
        remote = opened.cloud.get_remote()
        remote.fs.makedirs(_finished(remote, run_id), exist_ok=True)
        for name in KEPT:
            remote.fs.pipe_file(_finished(remote, run_id, name), (root / name).read_bytes())


def resolve(remote: str | None) -> str:
    """The address of a remote, by default the project's; raises `InputError` when it has none."""
    if remote is None:
        with repository(Path()) as opened:
            core = opened.config["core"]
            if "remote" not in core:
                raise InputError("no DVC remote: give --remote, or name a default one with `dvc remote add --default`")
            remote = str(opened.config["remote"][core["remote"]]["url"])
    return in_full(remote)


def fetch(root: Path, run_id: str) -> dict[str, bytes]:
    """The dvc.lock and params.yaml of a finished run, from the remote of a workspace or project."""
    with repository(root) as opened:
        remote = opened.cloud.get_remote()
        try:
            return {name: remote.fs.cat_file(_finished(remote, run_id, name)) for name in KEPT}
        except FileNotFoundError:
            raise InputError(f"{remote.fs.unstrip_protocol(remote.path)}: no finished run '{run_id}'") from None


def keep_unsent(root: Path, folder: Path) -> None:
    """Put all files of a folder into the remote of its workspace, to be fetched by `fetched_unsent`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if not files:
        return
    with repository(root) as opened:
        remote = opened.cloud.get_remote()
        for path in files:
            target = remote.fs.join(remote.path, UNSENT, *path.relative_to(folder).parts)
            remote.fs.makedirs(remote.fs.parent(target), exist_ok=True)
            remote.fs.pipe_file(target, path.read_bytes())


@contextmanager
def fetched_unsent(address: str, folder: Path) -> Iterator[None]:
    """Download what `keep_unsent` put into a remote; it is removed from there when the body succeeds."""
    folder = folder.resolve()
    with scratch(address) as root:
        with repository(root) as opened:
            remote = opened.cloud.get_remote()
            there = remote.fs.join(remote.path, UNSENT)
            files = list(remote.fs.find(there)) if remote.fs.exists(there) else []
            for file in files:
                path = folder.joinpath(*remote.fs.relparts(file, there))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(remote.fs.cat_file(file))
        yield
        with repository(root) as opened:
            for file in files:
                opened.cloud.get_remote().fs.rm_file(file)


def require_writable(opened: Any) -> None:
    """Raise `InputError` unless the remote exists and can be written."""
    from botocore.exceptions import BotoCoreError

    url = opened.config["remote"][opened.config["core"]["remote"]]["url"]
    try:
        remote = opened.cloud.get_remote()
        if remote.fs.protocol == "local" and not remote.fs.isdir(remote.path):
            raise FileNotFoundError("no such folder")
        probe = remote.fs.join(remote.path, f"probe-{uuid4()}")
        remote.fs.pipe_file(probe, b"")
        with suppress(PermissionError):  # a remote may let nothing be deleted
            remote.fs.rm_file(probe)
    except (OSError, ImportError, BotoCoreError) as error:
        raise InputError(f"DVC remote {url}: cannot be written: {error}; make it, or name another") from error


def _pull(opened: Any, names: Sequence[str]) -> None:
    from dvc.exceptions import DvcException

    try:
        opened.pull(targets=names)
    except DvcException:
        require(opened, names)  # names the missing files
        raise


def _push_run_cache(opened: Any) -> None:
    """Add new entries to the remote's run-cache; those of tasks that run at the same time stay as they are."""
    there = opened.cloud.get_remote_odb(hash_name="md5-dos2unix")
    opened.stage_cache.transfer(opened.cache.legacy, there, force=False)


def require(opened: Any, names: Sequence[str]) -> None:
    """Raise `InputError` that names the files of some stages that the remote does not have."""
    states = opened.status(targets=names, cloud=True)
    lacking = sorted(path for path, state in states.items() if state != "deleted")  # `deleted`: in the remote alone
    raise_faults("the DVC remote lacks files; `dvc push` them from where they are, or start anew", lacking)


def _share_checkpoints(root: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (root / checkpoints.FOLDER).symlink_to(folder)


def _digest(root: Path) -> str:
    """A short digest of the inputs of a stage: the lock entries of its parents and the parameters."""
    return hashlib.sha256(b"".join((root / name).read_bytes() for name in KEPT)).hexdigest()[:16]


def _finished(remote: Any, run_id: str, *name: str) -> str:
    return str(remote.fs.join(remote.path, FINISHED, run_id, *name))
