"""`submit diff`: compare two submissions."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Given = Annotated[Path, typer.Argument(help="Submission: a CSV file with the columns ImageID and ans.")]


class TwoWords(TyperGroup):
    """A group in which `submit diff` is a command beside `submit`, which is a stage with options of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve the first two words as one command, if there is one of that name."""
        words = " ".join(args[:2])
        return super().resolve_command(ctx, [words, *args[2:]] if words in self.commands else args)


def submit_diff(
    first: Given,
    second: Given,
    answers: Annotated[Path | None, typer.Option(help="Table of the true classes, if they are known.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Output: table with one row per photo that differs.")] = None,
) -> None:
    """Compare two submissions by class and by attribute. With --answers, show which of them is right.

    Example: python -m pipeline submit diff before.csv results/submission.csv
    """
    from rich.console import Console

    from pipeline.evaluation import submission_difference
    from pipeline.formats import tables
    from pipeline.formats.spreadsheets import without_formulas

    found = submission_difference.read(first, second, answers)
    console = Console()
    for table in found.tables():
        console.print(table)
    if csv:
        tables.write(without_formulas(found.rows()), csv)
