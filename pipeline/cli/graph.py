"""`graph`: the stages of dvc.yaml as a diagram."""

from pathlib import Path
from typing import Annotated

import typer


def graph(
    into: Annotated[
        Path | None, typer.Option(help="Replace the Mermaid block of this Markdown page instead of printing.")
    ] = None,
) -> None:
    """Print the stages and their dependencies as a Mermaid diagram."""
    from pipeline.orchestration import diagram

    if into is None:
        print(diagram.mermaid())
    else:
        diagram.replace(into, diagram.mermaid())
