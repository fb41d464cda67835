"""`graph`: the stages of dvc.yaml as a diagram."""

from pathlib import Path
from typing import Annotated

import typer


def graph(
    into: Annotated[
        Path | None, typer.Option(help="Replace the Mermaid block in this Markdown page instead of printing it.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Output: write the diagram as an SVG file instead.")] = None,
) -> None:
    """Print the stages and their dependencies as a Mermaid diagram.

    Example: python -m pipeline graph --svg graph.svg
    """
    from pipeline.foundation.files import write_text
    from pipeline.orchestration import diagram

    if svg is not None:
        write_text(svg, diagram.svg())
    elif into is None:
        print(diagram.mermaid())
    else:
        diagram.replace(into, diagram.mermaid())
