"""dvc.yaml read as a graph of stages, through DVC's own API, templates resolved."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pipeline.formats.documents import parse_yaml, read_text
from pipeline.foundation.errors import InputError
from pipeline.foundation.hashes import sha256

CHECKPOINTS = "checkpoints"  # the folder that the commands of trainings name
NO_GIT = {"core": {"no_scm": True}}


@dataclass(frozen=True)
class Stage:
    """A stage as DVC runs it; paths are relative to the project's root."""

    name: str  # DVC's name: `train@mask-0`
    command: str
    description: str
    parents: tuple[str, ...]  # names of the stages whose outs it depends on
    sources: tuple[str, ...]  # .dvc files of tracked data that it depends on
    dependencies: tuple[str, ...]  # files and folders; parameters are not among them
    code: tuple[str, ...]  # the dependencies that neither a stage nor a .dvc file provides
    outs: tuple[str, ...]  # metrics and plots are among them
    metrics: tuple[str, ...]
    parameters: tuple[str, ...] = ()  # keys of params.yaml, with dots

    @property
    def kind(self) -> str:
        """The stage's entry in dvc.yaml, without model and fold: `train`."""
        return self.name.partition("@")[0]

    @property
    def trains(self) -> bool:
        """Whether the stage keeps checkpoints."""
        return CHECKPOINTS in self.command


Graph = Mapping[str, Stage]


def read(root: Path = Path()) -> Graph:
    """The stages of a project by name, in the order in which `dvc repro` runs them.

    Raises `InputError` when there is no dvc.yaml, or one that DVC does not accept.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not (root / "dvc.yaml").exists():
        raise InputError(f"{root / 'dvc.yaml'}: no such file; run from the project's root")
    try:
        with chdir(root), Repo(uninitialized=True, config=NO_GIT) as opened:  # its names are relative to the folder
            return _in_order(opened.index)
    except DvcException as error:
        raise InputError(f"DVC: {error}") from error


def find(graph: Graph, name: str) -> Stage:
    """A stage by its name; raises `InputError` with the names that there are."""
    if name not in graph:
        raise InputError(f"dvc.yaml: no stage '{name}'; there are {', '.join(graph)}")
    return graph[name]


def settings(stage: Stage, root: Path) -> str:
    """The values of a stage's parameters by key, as JSON: equal texts are equal parameters."""
    params = parse_yaml(read_text(root / "params.yaml", "run from the project's root"), "params.yaml")
    values = {key: reduce(lambda found, name: found[name], key.split("."), params) for key in stage.parameters}
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def code_digest(stage: Stage, root: Path) -> str:
    """SHA-256 of the names and contents of the code that a stage depends on."""
    digest = hashlib.sha256()
    for path in sorted(file for name in stage.code for file in _source_files(root / name)):
        digest.update(f"{path.relative_to(root).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def changes(before: Graph, after: Graph) -> Iterator[str]:
    """What differs between two graphs, a line a stage."""
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield f"stage {name} is gone"
        elif name not in before:
            yield f"stage {name} is new"
        elif before[name] != after[name]:
            fields = [field for field, value in vars(before[name]).items() if value != getattr(after[name], field)]
            yield f"stage {name} differs in {', '.join(fields)}"


def _in_order(index: Any) -> Graph:
    from dvc.repo.reproduce import plan_repro

    stages = plan_repro(index.graph, [stage for stage in index.stages if stage.cmd])
    return {stage.addressing: _stage(stage, list(index.graph.successors(stage))) for stage in stages if stage.cmd}


def _stage(stage: Any, needs: Sequence[Any]) -> Stage:
    files = [each for each in stage.deps if each not in stage.params]
    provided = [Path(out.fs_path) for need in needs for out in need.outs]
    return Stage(
        name=stage.addressing,
        command=stage.cmd,
        description=stage.desc or "",
        parents=tuple(need.addressing for need in needs if need.cmd),
        sources=tuple(need.addressing for need in needs if not need.cmd),
        dependencies=tuple(each.def_path for each in files),
        code=tuple(each.def_path for each in files if not _overlaps(Path(each.fs_path), provided)),
        outs=tuple(each.def_path for each in stage.outs),
        metrics=tuple(each.def_path for each in stage.outs if each.metric),
        parameters=tuple(sorted(key for each in stage.params for key in each.params)),
    )


def _source_files(path: Path) -> list[Path]:
    found = path.rglob("*") if path.is_dir() else [path]
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def _overlaps(path: Path, others: Sequence[Path]) -> bool:
    return any(path.is_relative_to(other) or other.is_relative_to(path) for other in others)
