"""Stage report: data and run on one page, complete in itself."""

from pathlib import Path

from pipeline.evaluation.report import figures, sources
from pipeline.evaluation.report.page import render
from pipeline.foundation.files import write_text


def report(labels: Path, folds: Path, crops: Path, results: Path, report: Path, against: Path | None = None) -> None:
    """Write the page `report`, with what changed since the report `against` where one is named.

    Raises `InputError` for a table that is missing, and when `against` is no report.
    """
    before = figures.read(against) if against else None
    text = render(sources.read(labels, folds, crops, results), before)
    report.parent.mkdir(parents=True, exist_ok=True)
    write_text(report, text)
    print(f"{report}: {len(text.encode()) / 1e6:.1f} MB")
