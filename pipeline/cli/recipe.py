"""`recipe`: published systems as params files."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List, show, compare and use published systems.")

Name = Annotated[str, typer.Argument(help="Name of a recipe.")]
Either = Annotated[str, typer.Argument(help="Name of a recipe, or a params file (*.yaml).")]


@app.command("list")
def list_() -> None:
    """List all recipes."""
    from pipeline.config import recipes

    width = max(map(len, recipes.names()))
    for name in recipes.names():
        print(f"{name:<{width}}  {recipes.title(name)}")


@app.command()
def show(name: Name) -> None:
    """Print a recipe with its comments."""
    from pipeline.config import recipes
    from pipeline.formats.documents import read_text

    print(read_text(recipes.find(name), recipes.REMEDY), end="")


@app.command()
def diff(before: Either, after: Either) -> None:
    """Print the parameters that differ, defaults included."""
    from pipeline.config import params, recipes

    lines = recipes.changes(*(params.load(recipes.find(name)) for name in (before, after)))
    print("\n".join(lines) or "the same parameters")


@app.command()
def use(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml.")] = False,
    models: Annotated[Path, typer.Option(help="Folder of trained models.")] = Path("models"),
) -> None:
    """Replace params.yaml by a recipe; the sections data and kubeflow are kept."""
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
