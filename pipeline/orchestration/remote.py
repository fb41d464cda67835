"""One DVC stage run on any machine: lock entries of its parents in, its own out, data through a DVC remote."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.terminal import log
from pipeline.orchestration import checkpoints, graph, locks, run_cache
from pipeline.orchestration.dependencies import LACKING, Dependencies
from pipeline.orchestration.graph import Graph, Stage
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import in_full, repository, scratch

Select = Callable[[Mapping[str, int | None]], set[str]]

UNSENT = "tracking"  # where a remote keeps what MLflow did not accept
FINISHED = "finished"  # where a remote keeps the dvc.lock of finished runs, by the run's id
KEPT = ("dvc.lock", "params.yaml")
PATIENCE = 3600  # seconds that a node waits for the others: theirs may have to pull the image first


@dataclass(frozen=True)
class Node:
    """One of several nodes that run a training together, each in a workspace of its own; the first has rank 0.

    The others and their addresses are in the environment, as `torchrun` reads them. `processes` is the number of
    processes on this node, one per GPU.
    """

    rank: int
    processes: int

    def launched(self, command: str) -> str:
        """The command of a training, `python -m pipeline ...`, as this node's part of all processes."""
        launcher = f"torch.distributed.run --nproc-per-node {self.processes} --rdzv-conf timeout={PATIENCE} -m"
        return command.replace("python -m", f"python -m {launcher}", 1)


def run(
    root: Path,
    name: str,
    parents: Entries,
    shared: Path | None = None,
    select: Select = lambda _: set(),
    elsewhere: Callable[[], None] | None = None,
    node: Node | None = None,
    stages: Graph | None = None,
) -> Entries:
    """Run a stage in a workspace, or take its result from the run-cache.

    The run-cache is asked by hashes. Only a stage that has to run fetches its dependencies; its outputs are then
    pushed. Checkpoints are kept in the `shared` folder, or in the remote if there is none: another attempt with the
    same inputs resumes from them.

    Args:
        root: The workspace, bound to a DVC remote.
        name: The stage.
        parents: The lock entries of the stage's parents.
        shared: A folder that all tasks share.
        select: The outs to fetch of a result from the run-cache; see `Dependencies.fetch_outs`.
        elsewhere: Has the stage run by others, who add its result to the run-cache; without it, it runs here.
        node: Which node this is of those that run the stage together; the first one stores the result.
        stages: The graph of the workspace, where it has been read.

    Returns:
        The lock entry of the stage; none on a node that is not the first.

    Raises:
        InputError: For a stage that is not in the graph, entries of another graph, a remote that cannot be written or
            lacks outputs of the parents, and for a stage that fails; nothing has been pushed then.
    """
    stages = stages or graph.read(root)
    stage = graph.find(stages, name)
    locks.check(parents, stages, stage.parents)
    locks.write(parents, root / locks.FILE)
    with repository(root) as opened:
        needs = Dependencies(opened, name, [*stage.parents, *stage.sources])
        needs.hash()
        remote = require_writable(opened)
        entry = run_cache.find(remote, needs.stage)
        if entry is None and elsewhere:
            elsewhere()
            entry = run_cache.find(remote, needs.stage)
            if entry is None:
                raise InputError(
                    f"stage '{name}': the nodes have ended, and the DVC remote has no result; see their logs"
                )
        elif entry:
            log(f"Stage '{name}' is cached: its inputs have not changed")
        if entry:
            needs.fetch_outs(entry, select)
            return {name: dict(entry)}
        reads = needs.select(_selections(stage, root))
        if entry := run_cache.find_read(remote, needs.stage, reads):
            log(f"Stage '{name}' is cached: what it reads of its inputs has not changed")
            needs.fetch_outs(entry, select)
        else:
            needs.fetch()
            with _checkpoints(remote, root, stage, f"{name}-{run_cache.key(needs.stage)[:16]}", shared, node):
                _execute(needs.stage, node)
                if node and node.rank:
                    return {}
                _push(opened, needs.stage)
        run_cache.store(remote, needs.stage, reads)  # after the data that it refers to
        return {name: dict(run_cache.entry(needs.stage))}


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
            targets = {file: folder.joinpath(*remote.fs.relparts(file, there)) for file in files}
            outside = [file for file, path in targets.items() if not path.resolve().is_relative_to(folder)]
            raise_faults(f"files that would be written outside of {folder}; remove them from the remote", outside)
            for file, path in targets.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(remote.fs.cat_file(file))
        yield
        with repository(root) as opened:
            for file in files:
                opened.cloud.get_remote().fs.rm_file(file)


def require_writable(opened: Any) -> Any:
    """The remote; raises `InputError` unless it exists and can be written."""
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
        return remote
    except (OSError, ImportError, BotoCoreError) as error:
        raise InputError(f"DVC remote {url}: cannot be written: {error}; make it, or name another") from error


def _selections(stage: Stage, root: Path) -> Iterator[Callable[[], Any]]:
    from pipeline.orchestration.photos import selections  # pandas, which a task that has nothing to do does without

    return selections(stage, root)


def _checkpoints(
    remote: Any, root: Path, stage: Stage, attempts: str, shared: Path | None, node: Node | None
) -> AbstractContextManager[None]:
    """Keep the checkpoints of a training under the name of its attempts; the first of several nodes uploads them."""
    folder = root / checkpoints.FOLDER
    if shared:
        _share_checkpoints(root, shared / checkpoints.FOLDER / attempts)
    elif stage.trains and node and node.rank:
        checkpoints.restore(remote, folder, attempts)
    elif stage.trains:
        return checkpoints.kept(remote, folder, attempts)
    return nullcontext()


def _execute(stage: Any, node: Node | None) -> None:
    """Run the command of DVC's stage, or this node's part of it."""
    from dvc.stage.exceptions import StageCmdFailedError
    from dvc.stage.run import cmd_run

    from pipeline.orchestration import stage_commands

    stage_commands.install()
    command = stage.cmd
    stage.cmd = node.launched(command) if node else command
    try:
        cmd_run(stage)
    except StageCmdFailedError as error:
        raise InputError(f"stage '{stage.addressing}' {error}") from None
    finally:
        stage.cmd = command


def _push(opened: Any, stage: Any) -> None:
    """Push the outs of DVC's stage."""
    with opened.lock:
        stage.save_outs()
        stage.commit()
    for hashes in stage.get_used_objs().values():
        failed = opened.cloud.push(hashes).failed
        raise_faults(f"stage {stage.addressing}: outs that could not be pushed", sorted(map(str, failed)))


def require(opened: Any, names: Sequence[str]) -> None:
    """Raise `InputError` that names the files of some stages that the remote does not have."""
    states = opened.status(targets=names, cloud=True)
    lacking = sorted(path for path, state in states.items() if state != "deleted")  # `deleted`: in the remote alone
    raise_faults(LACKING, lacking)


def _share_checkpoints(root: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (root / checkpoints.FOLDER).symlink_to(folder)


def _finished(remote: Any, run_id: str, *name: str) -> str:
    return str(remote.fs.join(remote.path, FINISHED, run_id, *name))
