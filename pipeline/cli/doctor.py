"""`doctor`: what is wrong with the data set, before any training."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import params


def doctor(
    data: Annotated[Path | None, typer.Option(help="Data set; data.root of params.yaml by default.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page with the photos to write.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Table of all findings to write.")] = None,
) -> None:
    """Look for faults of the data set; exit status 1 when one must be fixed."""
    from rich.console import Console
    from rich.markup import escape

    from pipeline.formats import tables
    from pipeline.label_quality.doctor import diagnose
    from pipeline.label_quality.doctor.findings import MUST, table
    from pipeline.label_quality.doctor.page import page
    from pipeline.label_quality.doctor.terminal import terminal

    root = data or params.load().data.root
    findings = diagnose(root)
    grave = sum(finding.check.severity == MUST for finding in findings)
    title = f"{root.name}: {grave:,} to be fixed, {len(findings) - grave:,} to look at"
    Console().print(terminal(findings, title) if findings else escape(title))
    if csv:
        tables.write(table(findings), csv)
    if html:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page(root, findings, title), encoding="utf-8")
    if grave:
        raise typer.Exit(1)
