"""`labels`: find suspicious labels, review them, and merge the decisions of two reviewers."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import log

if TYPE_CHECKING:
    from pipeline.label_quality.review.agreement import Agreement

app = typer.Typer(no_args_is_help=True, help="Find suspicious labels and review them.")

Labels = Annotated[Path, typer.Option(help="Table of labels, one row per photo.")]
OutOfFold = Annotated[Path, typer.Option(help="Table of out-of-fold probabilities, one row per photo.")]
Suggestions = Annotated[Path, typer.Option(help="Output: suggested corrections.")]
First = Annotated[Path, typer.Argument(help="A reviewer's decisions.")]
Second = Annotated[Path, typer.Argument(help="Another reviewer's decisions.")]
Decisions = Annotated[Path | None, typer.Option(help="File of decisions. Default: reviews/<reviewer>.csv.")]
Fixes = Annotated[
    Path | None, typer.Option(help="Output: accepted corrections. Default: in fixes/, with the name of --decisions.")
]


@app.command()
def suggest(
    labels: Labels = Path("data/labels.parquet"),
    out_of_fold: OutOfFold = Path("results/ensemble/out_of_fold.parquet"),
    suggestions: Suggestions = Path("results/suggestions.csv"),
    confidence: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Accept suggestions of at least this score, from 0 to 1, without a review."),
    ] = None,
    fixes: Annotated[Path, typer.Option(help="Output of --confidence: accepted corrections.")] = Path(
        "fixes/automatic.csv"
    ),
) -> None:
    """Suggest label corrections from out-of-fold predictions, the most certain first.

    `labels review` shows them one by one and writes the accepted ones to a file
    for relabel.fixes. With --confidence, suggestions of at least that score are
    accepted without a review, and the file is written at once.

    Example: python -m pipeline labels suggest --confidence 0.95
    """
    from pipeline.label_quality.suggestions import accept, read, write
    from pipeline.label_quality.suggestions import suggest as found
    from pipeline.schema.schema import SCHEMA

    proposed = found(*read(labels, out_of_fold))
    write(suggestions, proposed)
    counts = ", ".join(f"{sum(one.field == field for one in proposed)} {field}" for field in SCHEMA.names)
    log(
        f"{suggestions}: {len(proposed)} suggestions ({counts}); decide on them with `python -m pipeline labels review`"
    )
    if confidence is not None:
        accepted = accept(proposed, confidence)
        write(fixes, accepted)
        apply = f"relabel: {{fixes: [{fixes.stem}]}}"
        print(f"{fixes}: {len(accepted)} correction{'s' * (len(accepted) != 1)}; apply them with `{apply}`")


@app.command()
def review(
    reviewer: Annotated[str, typer.Option(help="Name of the reviewer. Default: the login name.")] = "",
    suggestions: Annotated[Path, typer.Option(help="Suggested corrections.")] = Path("results/suggestions.csv"),
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    labels: Labels = Path("data/labels.parquet"),
    out_of_fold: OutOfFold = Path("results/ensemble/out_of_fold.parquet"),
    decisions: Decisions = None,
    fixes: Fixes = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. With any but 127.0.0.1, other machines can see the photos.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8100,
) -> None:
    """Review suggestions one person at a time, on a local web page.

    Example: python -m pipeline labels review --reviewer anna
    """
    from pipeline.config import params
    from pipeline.label_quality.review import app as server
    from pipeline.label_quality.review import cases
    from pipeline.label_quality.review.reviewing import Review
    from pipeline.label_quality.suggestions import read

    reviewer = reviewer or getpass.getuser()
    root = data or params.load().data.root
    photos, probabilities = read(labels, out_of_fold)
    found = cases.read(suggestions, photos, probabilities, root)
    file = decisions or Path("reviews", f"{reviewer}.csv")
    under_review = Review(found, file, fixes or Path("fixes", file.name), reviewer)
    under_review.open(set(photos["person"]))
    server.serve(under_review, root, host, port)


@app.command()
def compare(first: First, second: Second) -> None:
    """Compare the decisions of two reviewers. The exit status is 1 if there are conflicts.

    Example: python -m pipeline labels compare reviews/anna.csv reviews/ben.csv
    """
    if _agreement(first, second).conflicts:
        raise typer.Exit(1)


@app.command()
def merge(
    first: First,
    second: Second,
    decisions: Annotated[Path, typer.Option(help="Output: merged decisions.")] = Path("reviews/merged.csv"),
    fixes: Annotated[Path, typer.Option(help="Output: accepted corrections.")] = Path("fixes/merged.csv"),
) -> None:
    """Merge the decisions of two reviewers. Conflicts stay open for `labels review`, and the exit status is then 1.

    Example: python -m pipeline labels merge reviews/anna.csv reviews/ben.csv
    """
    from pipeline.label_quality.review import decisions as files

    if decisions.exists():
        raise InputError(f"{decisions}: already exists; name another file with --decisions")
    found = _agreement(first, second)
    merged = found.merged()
    files.check_fixes(fixes, {decision.reviewer for decision in merged})
    files.write(decisions, merged)
    files.write_fixes(fixes, merged)
    log(f"{decisions}: {len(merged)} decisions; {fixes}: the accepted ones")
    if found.conflicts:
        log(f"{len(found.conflicts)} conflicts are open: python -m pipeline labels review --decisions {decisions}")
        raise typer.Exit(1)


def _agreement(first: Path, second: Path) -> "Agreement":
    """Compare two files of decisions and print the result."""
    from rich.console import Console

    from pipeline.label_quality.review import decisions
    from pipeline.label_quality.review.agreement import Agreement

    found = Agreement.of(decisions.read(first), decisions.read(second))
    console = Console()
    for table in found.tables((str(first), str(second))):
        console.print(table)
    return found
