"""`compare`: run recipes, whole or scaled down, and compare their scores and cost."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.foundation.errors import raise_faults
from pipeline.foundation.files import write_text

Names = Annotated[list[str] | None, typer.Argument(metavar="RECIPE", help="Recipes. Default: all.")]


def compare(
    context: typer.Context,
    names: Names = None,
    scale: Annotated[
        Literal["smoke", "cpu", "matched", "full"], typer.Option(help="How far recipes are scaled down, see above.")
    ] = "smoke",
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    read: Annotated[bool, typer.Option("--read", help="Run nothing; show finished runs.")] = False,
    folder: Annotated[Path, typer.Option(help="Folder of the runs, one subfolder per recipe and scale.")] = Path(
        "compare"
    ),
    csv: Annotated[Path | None, typer.Option(help="Output: table of all figures.")] = None,
    html: Annotated[Path | None, typer.Option(help="Output: HTML page with plots.")] = None,
) -> None:
    """Run recipes and compare their scores and cost.

    Scale smoke: check that each recipe runs.

    Scale cpu: small data and a small backbone of the same family, for a laptop.

    Scale matched: one small network and one training schedule for all, to compare everything else.

    Scale full: the recipe as it is.

    Finished recipes are not run again, except at scale smoke, which runs in this process without DVC.
    """
    import pandas as pd
    from rich.console import Console

    from pipeline import tracking
    from pipeline.config import params, recipes
    from pipeline.experiments import measures, page, runs
    from pipeline.formats import tables

    os.environ["MLFLOW_TRACKING_URI"] = tracking.full_address()
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "compare")
    files = _places(list(map(recipes.find, names or recipes.names())), folder, scale)
    if not read:
        runs.run(files, scale, data or params.load().data.root, partial(_execute, context))
    rows = pd.DataFrame([{"recipe": file.stem, **measures.measure(place)} for file, place in files.items()])
    title = f"{len(rows)} recipes, scale {scale}"
    Console(width=max(Console().width, page.WIDTH)).print(page.terminal(rows, title))
    if csv:
        tables.write(rows, csv)
    if html:
        write_text(html, page.html(rows, title))


def _execute(context: typer.Context, words: Sequence[str]) -> None:
    """Run another command of this program within this process."""
    context.find_root().command.main(list(words), standalone_mode=False)


def _places(files: Sequence[Path], folder: Path, scale: str) -> dict[Path, Path]:
    """The folder in which each params file runs; raises `InputError` for two that would run in one."""
    places = {file: folder / f"{file.stem}-{scale}" for file in files}
    used = list(places.values())
    shared = [f"{file} runs in {place}" for file, place in places.items() if used.count(place) > 1]
    raise_faults("params files of one name share a folder; rename one, or give them a --folder each", shared)
    return places
