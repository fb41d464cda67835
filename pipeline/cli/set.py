"""`set`: parameters changed from the command line."""

from pathlib import Path
from typing import Annotated

import typer


def set_(
    assignments: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Dotted keys and their values, such as split.seed=1.")
    ],
    file: Annotated[Path, typer.Option("--params", help="The params file.")] = Path("params.yaml"),
) -> None:
    """Change values in params.yaml and nothing else in the file. Nothing is written unless all parameters are valid.

    Example: python -m pipeline set data.root=../photos 'train.folds=[0, 1, 2]'
    """
    from pipeline.config import edits

    edits.set_parameters(assignments, file)
