"""`doctor`: check a data set before training."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data set. Default: data.root of params.yaml.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with all findings and their photos.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table of all findings.")] = None,
    same_people: Annotated[
        Path | None, typer.Option(help="Write the people who share photos, as a file for split.same_people.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for programs.")] = False,
) -> None:
    """Check a data set before training: layout, unreadable and odd photos, duplicates, ids and ages.

    Every finding comes with what to do about it. Exit status 1 when there are errors; warnings leave it 0.
    """
    from rich.console import Console

    from pipeline.config import params
    from pipeline.formats import tables
    from pipeline.foundation.files import write_text
    from pipeline.foundation.terminal import cell
    from pipeline.label_quality.doctor import diagnose, findings
    from pipeline.label_quality.doctor import same_people as shared
    from pipeline.label_quality.doctor.page import page

    root = data or params.load().data.root
    found = diagnose(root)
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
