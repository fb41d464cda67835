"""A folder for each recipe in which the project's own graph runs: through DVC, or in this process for speed."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path

from pipeline import tracking
from pipeline.config import params
from pipeline.experiments import subset
from pipeline.experiments.scales import SCALES, reduce
from pipeline.experiments.workspaces import BEFORE_TRAINING, TARGET, before_training, prepare
from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import environment
from pipeline.foundation.terminal import log
from pipeline.orchestration import graph
from pipeline.orchestration.graph import Graph, Stage

Execute = Callable[[Sequence[str]], None]


def run(recipes: Mapping[Path, Path], scale: str, photos: Path, execute: Execute) -> None:
    """Run params files, each in its own folder, on a data set or a part of it.

    Scale smoke starts from nothing and runs in this process. Other scales run through DVC with the project's cache, so
    that a stage that has run before does not run again.

    Args:
        recipes: The folder of every params file.
        scale: A key of `SCALES`.
        photos: Root of the data set.
        execute: Runs the words of a `python -m pipeline` command in this process.

    Raises:
        InputError: When a stage fails.
    """
    root = photos
    if limit := SCALES[scale]:
        root = next(iter(recipes.values())).parent / f"data-{scale}"
        subset.write(photos, limit.people, limit.folds, root)
    tracking.prepare()
    lenders: dict[str, Path] = {}
    for recipe, folder in recipes.items():
        log(f"{recipe.stem}: runs in {folder}")
        settings = reduce(params.load(recipe), SCALES[scale])
        if scale == "smoke":
            shutil.rmtree(folder, ignore_errors=True)
        prepare(folder, settings, root)
        if scale == "smoke":
            _run_here(folder, lenders.setdefault(before_training(settings), folder), execute)
        else:
            _repro(folder)


def needed(stages: Graph) -> list[Stage]:
    """The stages that the submission comes from, parents first."""
    wanted = {TARGET}
    for name in reversed(list(stages)):
        if name in wanted:
            wanted.update(stages[name].parents)
    return [stage for name, stage in stages.items() if name in wanted]


def _repro(folder: Path) -> None:
    command = [sys.executable, "-m", "dvc", "repro", TARGET]
    if subprocess.run(command, cwd=folder, env=environment(), check=False).returncode:
        raise InputError(f"{folder}: `dvc repro` failed, see above")


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
