"""What `dvc repro` would do in the current folder: its steps in order, and the order of entries that it leaves.

Nothing here knows this project: any dvc.yaml will do, with `foreach`, `matrix`, frozen and always changed stages, and
data tracked by .dvc files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.orchestration.graph import NO_GIT

FILE = Path("dvc.yaml")


@dataclass(frozen=True)
class PlannedStep:
    """A stage, or a .dvc file, that `dvc repro` brings up to date."""

    name: str  # as `dvc repro` takes it: `train@mask-0`, `data/photos.dvc`, `reports/dvc.yaml:plots`
    parents: tuple[str, ...] = ()  # names of the steps that come first
    lock: Path | None = None  # the lock file of its entry; None for a .dvc file, which has none
    entry: str = ""  # the name of its entry in there


Plan = Mapping[str, PlannedStep]


def read(targets: Sequence[str] = ()) -> Plan:
    """The steps of `dvc repro`, by name, in its order.

    They are the targets, or all stages of ./dvc.yaml, and all that these depend on, elsewhere in the repository too. A
    frozen stage waits for nothing.

    Args:
        targets: Stages as `dvc repro` takes them: `report`, `train@mask-0`, or `train` for the whole matrix.

    Raises:
        InputError: When there is no dvc.yaml here, or one that DVC does not accept, and for an unknown target.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.repo.reproduce import get_active_graph, plan_repro

    if not FILE.exists():
        raise InputError(f"{FILE}: no such file; run from the project's root")
    try:
        with Repo(uninitialized=True, config=NO_GIT) as opened:
            graph = get_active_graph(opened.index.graph)
            wanted = [stage for target in targets or (str(FILE),) for stage in opened.stage.collect(target)]
            return {stage.addressing: _step(stage, graph.successors(stage)) for stage in plan_repro(graph, wanted)}
    except DvcException as error:
        raise InputError(f"DVC: {error}") from error


def entries(plan: Plan) -> dict[Path, list[str]]:
    """The names of the entries of each lock file, in the order in which they stand there."""
    return {lock: list(_load(lock).get("stages", {})) for lock in _locks(plan)}


def sort_entries(plan: Plan, before: Mapping[Path, list[str]]) -> None:
    """Put the new entries of every lock file into the order in which `dvc repro` would have added them.

    Stages that run side by side add their entries in the order in which they end.

    Args:
        plan: The steps that were run.
        before: The entries that there were before; they keep their places.
    """
    for lock in _locks(plan):
        content = _load(lock)
        found = content.get("stages", {})
        old = [name for name in before.get(lock, ()) if name in found]
        new = [step.entry for step in plan.values() if step.lock == lock and step.entry in found]
        order = list(dict.fromkeys([*old, *new, *found]))
        if order != list(found):
            content["stages"] = {name: found[name] for name in order}
            write_text(lock, _dump(content))


def _step(stage: Any, parents: Iterable[Any]) -> PlannedStep:
    from dvc.stage import PipelineStage

    names = tuple(parent.addressing for parent in parents)
    if not isinstance(stage, PipelineStage):
        return PlannedStep(stage.addressing, names)
    return PlannedStep(stage.addressing, names, Path(stage.relpath).with_suffix(".lock"), stage.name)


def _locks(plan: Plan) -> list[Path]:
    return sorted({step.lock for step in plan.values() if step.lock is not None})


def _load(lock: Path) -> dict[str, Any]:
    from dvc.utils.serialize import parse_yaml_for_update

    return dict(parse_yaml_for_update(lock.read_text(encoding="utf-8"), str(lock))) if lock.exists() else {}


def _dump(content: Mapping[str, Any]) -> str:
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml(dict(content)))
