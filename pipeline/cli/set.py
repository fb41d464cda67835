"""`set`: parameters changed from the command line."""

from pathlib import Path
from typing import Annotated

import typer


def set_(
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="A dotted key and its value, such as split.seed=1.")
    ],
    file: Annotated[Path, typer.Option("--params", help="The params file.")] = Path("params.yaml"),
) -> None:
    """Change parameters in params.yaml: only the values that are named, and only when all parameters stay valid.

    Example: python -m pipeline set data.root=../photos 'train.folds=[0, 1, 2]'
    """
    from pipeline.config import edits

    edits.set_parameters(assignments, file)
