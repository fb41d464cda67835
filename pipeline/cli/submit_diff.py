"""`submit diff`: two submissions side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Given = Annotated[Path, typer.Argument(help="A submission: ImageID, ans.")]


class TwoWords(TyperGroup):
    """A group in which `submit diff` is a command beside `submit`, which is a stage with options of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take the first two words for one where there is such a command."""
        words = " ".join(args[:2])
        return super().resolve_command(ctx, [words, *args[2:]] if words in self.commands else args)


def submit_diff(
    first: Given,
    second: Given,
    answers: Annotated[Path | None, typer.Option(help="The right classes, where they are known.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Table to write: a row a photo that differs.")] = None,
) -> None:
    """Show where two submissions differ, by class and by attribute, and which is right where that is known."""
    from rich.console import Console

    from pipeline.evaluation import submission_difference
    from pipeline.formats import tables

    found = submission_difference.read(first, second, answers)
    console = Console()
    for table in found.tables():
        console.print(table)
    if csv:
        tables.write(found.rows(), csv)
