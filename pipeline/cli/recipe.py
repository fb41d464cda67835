"""`recipe`: the published systems as params files."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import params, recipes

app = typer.Typer(no_args_is_help=True, help="List, show, compare and choose published systems.")

Name = Annotated[str, typer.Argument(help="A recipe.")]
Either = Annotated[str, typer.Argument(help="A recipe, or a params file (*.yaml).")]


@app.command("list")
def list_() -> None:
    """Name every recipe."""
    width = max(map(len, recipes.names()))
    for name in recipes.names():
        print(f"{name:<{width}}  {recipes.title(name)}")


@app.command()
def show(name: Name) -> None:
    """Print a recipe, comments and all."""
    print(recipes.find(name).read_text(encoding="utf-8"), end="")


@app.command()
def diff(before: Either, after: Either) -> None:
    """Print the parameters that differ, whether they are written out or left at their defaults."""
    lines = recipes.changes(*(params.load(recipes.find(name)) for name in (before, after)))
    print("\n".join(lines) or "the same parameters")


@app.command()
def use(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edits that are not committed.")] = False,
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
) -> None:
    """Make a recipe the params.yaml, but for data and kubeflow, which stay as they are."""
    before, after = recipes.use(name, force)
    print("\n".join(recipes.changes(before, after)) or "the same parameters as before")
    print(f"{params.FILE}: now {name}; {' and '.join(recipes.HERE)} stay as they were (data.root {after.data.root})")
    former = recipes.outdated(models, before, after)
    if former:
        print(
            f"{models}: holds trainings of the former recipe ({', '.join(former)}). The next `dvc repro` removes them "
            "from the workspace; DVC's cache keeps them"
        )
