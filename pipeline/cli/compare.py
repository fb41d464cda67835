"""`compare`: run recipes, whole or scaled down, and compare their scores and cost."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.run import Gpus, Jobs, gpu_numbers, progress
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import write_text

Names = Annotated[list[str] | None, typer.Argument(metavar="RECIPE", help="Recipes. Default: all.")]
ScaleName = Literal["smoke", "cpu", "matched", "full"]
OF_MATCHED = "With --scale matched: "


def compare(
    context: typer.Context,
    names: Names = None,
    scale: Annotated[ScaleName, typer.Option(help="How far the recipes are scaled down; see above.")] = "smoke",
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    backbone: Annotated[str | None, typer.Option(help=f"{OF_MATCHED}name of the one network in timm.")] = None,
    weights: Annotated[Path | None, typer.Option(help=f"{OF_MATCHED}file of its published weights.")] = None,
    image_size: Annotated[int | None, typer.Option(min=32, help=f"{OF_MATCHED}side of its input in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help=f"{OF_MATCHED}number of epochs of every training.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="Recipe to compare the others with. Default: the best.")
    ] = None,
    jobs: Jobs = None,
    gpus: Gpus = "",
    read: Annotated[bool, typer.Option("--read", help="Run nothing; show the finished runs.")] = False,
    folder: Annotated[Path, typer.Option(help="Folder of the runs, one subfolder per recipe and scale.")] = Path(
        "compare"
    ),
    submissions: Annotated[Path | None, typer.Option(help="Output: folder of every recipe's submission.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Output: table of all figures.")] = None,
    html: Annotated[Path | None, typer.Option(help="Output: HTML page with plots.")] = None,
) -> None:
    """Run recipes and compare their scores and cost.

    Scale smoke: check that each recipe runs.

    Scale cpu: small data and a small backbone of the same family, for a laptop.

    Scale matched: one network and one training schedule for all, to compare everything else.

    Scale full: the recipe as it is.

    The scales matched and full rank recipes: one is called worse than the best
    (or than --against) only if the 95 % interval of the difference excludes 0.

    Finished recipes are not run again, except at scale smoke, which runs in
    this process without DVC.

    Example: python -m pipeline compare --scale matched --backbone tf_efficientnet_lite0 --weights lite0.safetensors
    """
    import pandas as pd

    from pipeline import tracking
    from pipeline.config import params, recipes
    from pipeline.experiments import comparison, page, runs, scales, tasks
    from pipeline.formats import tables
    from pipeline.foundation.terminal import print_table
    from pipeline.orchestration import workspace_lock

    os.environ["MLFLOW_TRACKING_URI"] = tracking.full_address()
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "compare")
    limits, numbers = scales.SCALES[scale], gpu_numbers(gpus)
    if given := [option for option in (backbone, weights, image_size, epochs) if option]:
        if scale != "matched":
            raise InputError(f"{given[0]}: --backbone, --weights, --image-size and --epochs belong to --scale matched")
        limits = scales.matched(backbone, weights, image_size, epochs)
    files = _places(list(map(recipes.find, names or recipes.names())), folder, scale)
    if not read:
        with workspace_lock.held_runs(folder):
            settings = {place: scales.reduce(params.load(file), limits) for file, place in files.items()}
            root = runs.data_set(data or params.load().data.root, limits, folder / f"data-{scale}")
            if scale == "smoke":
                runs.run_here(settings, root, partial(_execute, context))
            else:
                slots = jobs or max(len(numbers), 1)
                listed = [tasks.Task(f"{scale}@{file.stem}", place, settings[place]) for file, place in files.items()]
                with progress(slots) as show:
                    failed = tasks.run(listed, root, slots, numbers, show)
                raise_faults("recipes that failed", [f"{name}: {reason}" for name, reason in failed.items()])
    found = comparison.rows({file.stem: place for file, place in files.items()}, scale, against)
    rows, title = pd.DataFrame(found), comparison.title(found, scale)
    print_table(page.terminal(rows, title))
    if submissions:
        _copy_submissions(files, submissions)
    if csv:
        tables.write(rows, csv)
    if html:
        write_text(html, page.html(rows, title))


def _execute(context: typer.Context, words: Sequence[str]) -> None:
    """Run another command of this program within this process."""
    context.find_root().command.main(list(words), standalone_mode=False)


def _copy_submissions(files: Mapping[Path, Path], folder: Path) -> None:
    from pipeline.config import params
    from pipeline.formats.documents import read_text

    for file, place in files.items():
        submission = place / "results" / f"{params.load(place / params.FILE).submission.name}.csv"
        write_text(folder / f"{file.stem}.csv", read_text(submission, "leave out --read"))


def _places(files: Sequence[Path], folder: Path, scale: str) -> dict[Path, Path]:
    """The folder in which each params file runs; raises `InputError` for two that would run in one."""
    places = {file: folder / f"{file.stem}-{scale}" for file in files}
    used = list(places.values())
    shared = [f"{file} runs in {place}" for file, place in places.items() if used.count(place) > 1]
    raise_faults("params files of one name share a folder; rename one, or give them a --folder each", shared)
    return places
