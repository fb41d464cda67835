"""`labels`: find labels that look wrong, review them, and bring two reviewers together."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.schema.labels import ATTRIBUTES

if TYPE_CHECKING:
    from pipeline.label_quality.review.agreement import Agreement

app = typer.Typer(no_args_is_help=True, help="Find labels that look wrong, and review them.")

Labels = Annotated[Path, typer.Option(help="Table of labels, a row a photo.")]
OutOfFold = Annotated[Path, typer.Option(help="Table of out-of-fold probabilities, a row a photo.")]
Suggestions = Annotated[Path, typer.Option(help="Fixes file of proposals to write.")]
First = Annotated[Path, typer.Argument(help="A reviewer's decisions.")]
Second = Annotated[Path, typer.Argument(help="Another reviewer's decisions.")]
Decisions = Annotated[Path | None, typer.Option(help="File of decisions; else reviews/<reviewer>.csv.")]
Fixes = Annotated[Path | None, typer.Option(help="Fixes file to write; else fixes/, named as the decisions.")]


@app.command()
def suggest(
    labels: Labels = Path("data/labels.csv"),
    out_of_fold: OutOfFold = Path("results/ensemble/out_of_fold.csv"),
    suggestions: Suggestions = Path("results/suggestions.csv"),
) -> None:
    """Propose corrections, the surest first; none is applied. `relabel` takes the rows that are kept."""
    from pipeline.label_quality.suggestions import read, write
    from pipeline.label_quality.suggestions import suggest as found

    proposed = found(*read(labels, out_of_fold))
    write(suggestions, proposed)
    counts = ", ".join(f"{sum(one.field == field for one in proposed)} {field}" for field in ATTRIBUTES)
    print(f"{suggestions}: {len(proposed)} proposals ({counts}); keep the rows that are right in a file of fixes/")


@app.command()
def review(
    reviewer: Annotated[str, typer.Option(help="Who decides; else the name of this account.")] = "",
    suggestions: Annotated[Path, typer.Option(help="Fixes file of proposals.")] = Path("results/suggestions.csv"),
    data: Annotated[Path | None, typer.Option(help="Data set; data.root of params.yaml by default.")] = None,
    labels: Labels = Path("data/labels.csv"),
    out_of_fold: OutOfFold = Path("results/ensemble/out_of_fold.csv"),
    decisions: Decisions = None,
    fixes: Fixes = None,
    host: Annotated[str, typer.Option(help="Where to listen; others than this machine see the photos.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8100,
) -> None:
    """Decide on suggestions, one person at a time, on a web page of this machine."""
    from pipeline.config import params
    from pipeline.label_quality.review import cases, serving
    from pipeline.label_quality.review.reviewing import Review
    from pipeline.label_quality.suggestions import read

    reviewer = reviewer or getpass.getuser()
    root = data or params.load().data.root
    photos, probabilities = read(labels, out_of_fold)
    found = cases.read(suggestions, photos, probabilities, root)
    file = decisions or Path("reviews", f"{reviewer}.csv")
    under_review = Review(found, file, fixes or Path("fixes", file.name), reviewer)
    under_review.open(set(photos["person"]))
    serving.serve(under_review, root, host, port)


@app.command()
def compare(first: First, second: Second) -> None:
    """Show where two reviewers agree, and where they do not; exit status 1 where they do not."""
    if _agreement(first, second).conflicts:
        raise typer.Exit(1)


@app.command()
def merge(
    first: First,
    second: Second,
    decisions: Annotated[Path, typer.Option(help="File of decisions to write.")] = Path("reviews/merged.csv"),
    fixes: Annotated[Path, typer.Option(help="Fixes file to write.")] = Path("fixes/merged.csv"),
) -> None:
    """Join two reviewers' decisions; what they decide differently stays open for `review`, with exit status 1."""
    from pipeline.label_quality.review import decisions as files

    if decisions.exists():
        raise InputError(f"{decisions}: is there, and may hold decisions; name another file with --decisions")
    found = _agreement(first, second)
    merged = found.merged()
    files.check_fixes(fixes, {decision.reviewer for decision in merged})
    files.write(decisions, merged)
    files.write_fixes(fixes, merged)
    print(f"{decisions}: {len(merged)} decisions; {fixes}: what was accepted of them")
    if found.conflicts:
        print(
            f"{len(found.conflicts)} conflicts are open: python -m pipeline labels review --decisions {decisions} ..."
        )
        raise typer.Exit(1)


def _agreement(first: Path, second: Path) -> "Agreement":
    """Two files' decisions compared, and shown."""
    from rich.console import Console

    from pipeline.label_quality.review import decisions
    from pipeline.label_quality.review.agreement import Agreement

    found = Agreement.of(decisions.read(first), decisions.read(second))
    console = Console()
    for table in found.tables((str(first), str(second))):
        console.print(table)
    return found
