"""`doctor`: check a data set before training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import warn

if TYPE_CHECKING:
    from pipeline.label_quality.doctor.results import Results

CROPS, LABELS, OUT_OF_FOLD = (
    Path("data/crops"),
    Path("data/labels.parquet"),
    Path("results/ensemble/out_of_fold.parquet"),
)
"""Outputs of the stages, as dvc.yaml places them."""


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    html: Annotated[Path | None, typer.Option(help="Output: HTML page with all findings and their photos.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Output: table of all findings.")] = None,
    same_people: Annotated[
        Path | None, typer.Option(help="Output: people who share photos, as a file for split.same_people.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for programs.")] = False,
) -> None:
    """Check a data set before training: layout, unreadable and odd photos, duplicates, ids and ages.

    Without --data the command also checks the settings of the models and the
    outputs of the stages: faces that were not found, and groups of photos that
    the models often get wrong. Every finding comes with a remedy. The exit
    status is 1 if there are errors, and 0 if there are only warnings.

    Example: python -m pipeline doctor --data ../photos --html doctor.html
    """
    from rich.console import Console

    from pipeline.config import dry_run, params
    from pipeline.formats import tables
    from pipeline.foundation.files import write_text
    from pipeline.foundation.terminal import cell
    from pipeline.label_quality.doctor import diagnose, findings, settings
    from pipeline.label_quality.doctor import same_people as shared
    from pipeline.label_quality.doctor.page import page

    if data:
        root, found = data, diagnose(data)
    else:
        read = params.load()
        faults = [fault for place in dry_run.trained(read) for fault in dry_run.faults(read, place)]
        root = read.data.root
        found = [*settings.find(faults), *diagnose(root, read.crop.max_pixels, _results())]
    title = findings.title(root.name, found)
    if json:
        print(findings.as_json(root.name, found))
    else:
        Console().print(findings.terminal(found, title) if found else cell(title))
    if csv:
        tables.write(findings.table(found), csv)
    if same_people:
        tables.write(shared.table(found), same_people)
    if html:
        write_text(html, page(root, found, title))
    if findings.errors(found):
        raise typer.Exit(1)


def _results() -> "Results | None":
    """What the stages have written; outdated files are left out with a warning."""
    from pipeline.label_quality.doctor.results import Results

    try:
        return Results.read(CROPS, LABELS, OUT_OF_FOLD)
    except InputError as error:
        warn(f"outputs of the stages are not checked: {error}")
        return None
