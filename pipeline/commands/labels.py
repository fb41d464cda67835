"""`labels`: find labels that look wrong."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.labels import ATTRIBUTES

app = typer.Typer(no_args_is_help=True, help="Find labels that look wrong.")

Labels = Annotated[Path, typer.Option(help="Table of labels, a row a picture.")]
OutOfFold = Annotated[Path, typer.Option(help="Table of out-of-fold probabilities, a row a picture.")]
Suggestions = Annotated[Path, typer.Option(help="Fixes file of proposals to write.")]


@app.callback()
def labels() -> None:
    """Keep `suggest` a word of its own while it is the only one."""


@app.command()
def suggest(
    labels: Labels = Path("data/labels.csv"),
    out_of_fold: OutOfFold = Path("results/ensemble/out_of_fold.csv"),
    suggestions: Suggestions = Path("results/suggestions.csv"),
) -> None:
    """Propose corrections, the surest first; none is applied. `relabel` takes the rows that are kept."""
    from pipeline.suggestions import read, write
    from pipeline.suggestions import suggest as found

    proposed = found(*read(labels, out_of_fold))
    write(suggestions, proposed)
    counts = ", ".join(f"{sum(one.field == field for one in proposed)} {field}" for field in ATTRIBUTES)
    print(f"{suggestions}: {len(proposed)} proposals ({counts}); keep the rows that are right in a file of fixes/")
