"""`recipe`: published systems as params files."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Models
from pipeline.foundation.terminal import quiet

app = typer.Typer(no_args_is_help=True, help="List, show, compare and use published systems.")

Name = Annotated[str, typer.Argument(help="Name of a recipe.")]
Either = Annotated[str, typer.Argument(help="Name of a recipe, or a params file (*.yaml).")]


@app.command("list")
def list_() -> None:
    """List all recipes.

    Example: python -m pipeline recipe list
    """
    from pipeline.config import recipes

    width = max(map(len, recipes.names()))
    for name in recipes.names():
        print(f"{name:<{width}}  {recipes.title(name)}")


@app.command()
def show(name: Name) -> None:
    """Print a recipe with its comments.

    Example: python -m pipeline recipe show r1-podium-b3
    """
    from pipeline.config import recipes
    from pipeline.formats.documents import read_text

    print(read_text(recipes.find(name), recipes.REMEDY), end="")


@app.command()
def diff(before: Either, after: Either) -> None:
    """Print the parameters that differ, defaults included.

    Example: python -m pipeline recipe diff r1-podium-b3 c-champion
    """
    from pipeline.config import params, recipes

    lines = recipes.changes(*(params.load(recipes.find(name)) for name in (before, after)))
    print("\n".join(lines) or "the same parameters")


@app.command()
def use(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml.")] = False,
    models: Models = Path("models"),
) -> None:
    """Replace params.yaml by a recipe; the sections data and kubeflow are kept.

    Example: python -m pipeline recipe use r1-podium-b3
    """
    from pipeline.config import params, recipes

    before, after = recipes.use(name, force)
    print("\n".join(recipes.changes(before, after)) or "the same parameters as before")
    print(f"{params.FILE}: now {name}; {' and '.join(recipes.HERE)} are unchanged (data.root {after.data.root})")
    former = recipes.outdated(models, before, after)
    if former:
        print(
            f"{models}: holds trainings of the former recipe ({', '.join(former)}). The next `dvc repro` removes them "
            "from the workspace; DVC's cache keeps them"
        )


@app.command()
def suggest(
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    hours: Annotated[float | None, typer.Option(min=0, help="Available time, in hours.")] = None,
) -> None:
    """Estimate how long three recipes take here, from the quickest to the best, and name the best that fits.

    A few training steps and crops of each are measured, so run it on an idle machine.
    Weights are not downloaded.

    Example: python -m pipeline recipe suggest --data ../photos --hours 2
    """
    from pipeline.config import params, recipes
    from pipeline.experiments import estimate
    from pipeline.orchestration import machine, readiness

    found = len(machine.gpus())
    given = params.load()
    root = data or given.data.root
    photos = readiness.count(given.model_copy(update={"data": given.data.model_copy(update={"root": root})}))
    print(f"{found or 'no'} GPU, {machine.cores()} cores; {photos.train:,} train and {photos.eval:,} eval photos")
    fitting = []
    for preset, name in estimate.PRESETS[bool(found)].items():
        recipe = params.load(recipes.find(name))
        with quiet():
            taken = estimate.seconds(recipe, photos, estimate.crop_seconds(recipe.crop, root))
        fits = hours is None or taken <= hours * 3600
        fitting += [name] if fits else []
        print(f"{preset:<5} {name:<14} about {_time(taken):<8} {'' if fits else 'too long'}".rstrip())
    print(f"python -m pipeline recipe use {fitting[-1]}" if fitting else "none fits; see `recipe list` for others")


def _time(seconds: float) -> str:
    """Minutes, or hours with one digit."""
    return f"{max(round(seconds / 60), 1)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
