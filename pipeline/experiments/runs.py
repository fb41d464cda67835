"""Recipes at a scale: their data set, and runs of all their stages in this process, without DVC."""

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

from pipeline import tracking
from pipeline.experiments import subset
from pipeline.experiments.scales import Scale
from pipeline.experiments.tasks import require
from pipeline.experiments.workspaces import BEFORE_TRAINING, TARGET, before_training, prepare
from pipeline.foundation import forkserver, processes
from pipeline.foundation.terminal import log
from pipeline.orchestration import graph
from pipeline.orchestration.graph import Graph, Stage

Execute = Callable[[Sequence[str]], None]


def data_set(photos: Path, scale: Scale | None, folder: Path) -> Path:
    """The data set of a scale: that of the photos, or a part of it, written to `folder`."""
    if scale is None:
        return photos
    require(photos)
    subset.write(photos, scale.people, scale.folds, folder)
    return folder


def run_here(settings: Mapping[Path, dict[str, Any]], root: Path, execute: Execute) -> None:
    """Run the pipeline from nothing, without DVC and in this process, in each of some folders.

    Args:
        settings: The parameters of every folder.
        root: The data set.
        execute: Runs the words of a `python -m pipeline` command in this process.

    Raises:
        InputError: When a stage fails.
    """
    tracking.prepare()
    lenders: dict[str, Path] = {}
    with forkserver.offered(processes.environment(), processes.OF_UPLOADS):
        for folder, given in settings.items():
            log(f"runs in {folder}")
            shutil.rmtree(folder, ignore_errors=True)
            prepare(folder, given, root)
            _run_here(folder, lenders.setdefault(before_training(given), folder), execute)


def needed(stages: Graph) -> list[Stage]:
    """The stages that the submission comes from, parents first."""
    wanted = {TARGET}
    for name in reversed(list(stages)):
        if name in wanted:
            wanted.update(stages[name].parents)
    return [stage for name, stage in stages.items() if name in wanted]


def _run_here(folder: Path, lender: Path, execute: Execute) -> None:
    """Run the commands of dvc.yaml in this process; outputs before training are links to those of `lender`."""
    stages = needed(graph.read(folder))
    if lender != folder:
        for out in (out for stage in stages if stage.kind in BEFORE_TRAINING for out in stage.outs):
            (folder / out).parent.mkdir(parents=True, exist_ok=True)
            (folder / out).symlink_to((lender / out).resolve())
    with chdir(folder), Path("run.log").open("w", encoding="utf-8") as output, redirect_stdout(output):
        for stage in stages:
            if not all(Path(out).exists() for out in stage.outs):
                execute(shlex.split(stage.command)[3:])
