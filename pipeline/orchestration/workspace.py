"""A scratch copy of the project for one task: code and parameters without data, bound to a DVC remote."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.formats.documents import read_text
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.orchestration import graph
from pipeline.orchestration.graph import Graph

PROJECT = Path(__file__).parents[2]
FILES = ("dvc.yaml", ".dvcignore")
S3_SETTINGS = {  # environment variables and what they set of DVC's S3 remote
    "DVC_S3_ACCESS_KEY_ID": "access_key_id",
    "DVC_S3_SECRET_ACCESS_KEY": "secret_access_key",
    "DVC_S3_SESSION_TOKEN": "session_token",
    "DVC_S3_ENDPOINT_URL": "endpointurl",
    "DVC_S3_REGION": "region",
}


@contextmanager
def scratch(
    remote: str,
    overrides: Sequence[str] = (),
    shared: Path | None = None,
    project: Path = PROJECT,
    files: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """A temporary folder in which DVC can run the project's stages; see `prepared`."""
    with prepared(remote, overrides, shared, project, files) as (root, _):
        yield root


@contextmanager
def prepared(
    remote: str,
    overrides: Sequence[str] = (),
    shared: Path | None = None,
    project: Path = PROJECT,
    files: Mapping[str, str] | None = None,
) -> Iterator[tuple[Path, Graph]]:
    """A temporary folder in which DVC can run the project's stages, and its graph, which takes long to read.

    Args:
        remote: The DVC remote.
        overrides: Changes of params.yaml, as in `dvc exp run -S`.
        shared: A folder for a DVC cache that several tasks use.
        project: Root of the project.
        files: Texts of `run_files`, in place of those of the project.

    Raises:
        InputError: For overrides that name no parameter or change the graph, and for missing code.
    """
    with TemporaryDirectory(prefix="pipeline-") as folder:
        root = Path(folder).resolve()
        write_files(root, project, run_files(project) if files is None else files)
        _initialize(root, remote, shared)
        override(root, overrides)
        stages = graph.read(root)
        _copy_code(stages, project, root)
        yield root, stages


def run_files(project: Path = PROJECT) -> dict[str, str]:
    """The texts of params.yaml and of the .dvc files of tracked data, by path: what a run has beside its code."""
    paths = [project / "params.yaml", *sorted(project.glob("data/**/*.dvc"))]
    return {path.relative_to(project).as_posix(): read_text(path, "run from the project's root") for path in paths}


def write_files(root: Path, project: Path, files: Mapping[str, str]) -> None:
    """Write into a temporary folder what a graph is read from: that of the project, and texts of `run_files`."""
    for name in FILES:
        shutil.copy(project / name, root / name)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


@contextmanager
def repository(root: Path) -> Iterator[Any]:
    """DVC's repository object, with the workspace as working directory; DVC's errors become `InputError`."""
    from dvc.repo import Repo

    with chdir(root), _explained(), Repo() as opened:
        yield opened


def in_full(remote: str) -> str:
    """The address of a DVC remote, with the absolute path of a folder."""
    return remote if "://" in remote else str(Path(remote).resolve())


def s3_settings(remote: str) -> dict[str, str]:
    """DVC's own credentials for a remote on S3, from the environment; without them boto3's default chain is used.

    They have names of their own because the variables of a container also reach Kubeflow's launcher, which reads
    `AWS_*` for a store of its own.
    """
    if not remote.startswith("s3://"):
        return {}
    return {key: os.environ[name] for name, key in S3_SETTINGS.items() if os.environ.get(name)}


def override(root: Path, overrides: Sequence[str]) -> None:
    """Change params.yaml as `dvc exp run -S` does; raises `InputError` when that would change the graph."""
    if not overrides:
        return
    before = graph.read(root)
    change(root, overrides)
    raise_faults(
        f"the overrides {', '.join(overrides)} change the graph, which a compiled pipeline cannot; "
        "change params.yaml and run `python -m pipeline kubeflow compile`",
        list(graph.changes(before, graph.read(root))),
    )


def change(root: Path, overrides: Sequence[str]) -> None:
    """Change params.yaml as `dvc exp run -S` does, the graph too; raises `InputError` for what DVC refuses."""
    from dvc.exceptions import DvcException
    from dvc.utils.cli_parse import to_path_overrides
    from dvc.utils.hydra import apply_overrides

    try:
        for file, changes in to_path_overrides(overrides).items():
            if file != "params.yaml":
                raise InputError(f"override of {file}: only params.yaml has parameters")
            apply_overrides(root / file, changes)
    except DvcException as error:
        raise InputError(f"overrides {', '.join(overrides)}: {error.__cause__ or error}") from None


@contextmanager
def _explained() -> Iterator[None]:
    from dvc.exceptions import DvcException

    try:
        yield
    except DvcException as error:
        raise InputError(f"DVC: {error}: {error.__cause__}" if error.__cause__ else f"DVC: {error}") from error


def _initialize(root: Path, remote: str, shared: Path | None) -> None:
    from dvc.repo import Repo

    logging.getLogger("dvc.repo.init").setLevel(logging.WARNING)  # its welcome, for a temporary repository
    with _explained(), Repo.init(str(root), no_scm=True) as opened, opened.config.edit() as config:
        config["core"] |= {"remote": "remote", "analytics": False, "check_update": False}
        config["core"]["site_cache_dir"] = str(root / ".dvc" / "site")
        config["remote"]["remote"] = {"url": in_full(remote), **s3_settings(remote)}
        if shared:
            config["cache"] |= {"dir": str(shared / "cache"), "type": "reflink,symlink,copy"}


def _copy_code(stages: Graph, project: Path, root: Path) -> None:
    """Copy the package that the commands run, and what else stages depend on that comes with the project."""
    paths = sorted({Path(__file__).parents[1].name, *(path for stage in stages.values() for path in stage.code)})
    faults = [
        f"{path}: not in {project}" for path in paths if ".." in Path(path).parts or not (project / path).exists()
    ]
    raise_faults("dependencies that come neither from a stage nor from DVC; for data: `dvc add` it below data/", faults)
    for path in paths:
        _copy(project / path, root / path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
