"""The report's key figures, embedded in its page as JSON, and their changes since another report."""

import re
from html import unescape
from pathlib import Path
from typing import NamedTuple

from pipeline.evaluation.report import text_tables
from pipeline.evaluation.report.sources import Sources
from pipeline.evaluation.report.text_tables import TextTable, number
from pipeline.formats.documents import parse_numbers, read_text
from pipeline.foundation.errors import InputError
from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA

KeyFigures = dict[str, float]

EMBEDDED = re.compile(r'<script type="application/json" id="figures">(.*?)</script>', re.DOTALL)
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
DIGITS = 6


def key_figures(sources: Sources) -> KeyFigures:
    """The figures by which two reports are compared, in the order in which they are shown; counts are integers."""
    low, high = text_tables.bounds(sources)
    counts = metrics.confusion(sources.targets, sources.predicted)
    found = {
        "macro F1": sources.scores["macro_f1"],
        "macro F1, low": low,
        "macro F1, high": high,
        "accuracy": sources.scores["accuracy"],
        **{f"{attribute} macro F1": sources.scores[f"{attribute}_macro_f1"] for attribute in SCHEMA.names},
        **{f"submission {_words(name)}": value for name, value in sources.submission.items()},
        "labelled people": sources.labelled["person"].nunique(),
        "labelled photos": len(sources.labelled),
        "corrected labels": int((sources.labelled["corrected"] != "").sum()),
        "photos without a face": sum(map(len, sources.without_face.values())),
        "suggested corrections": len(sources.suggested),
        **{
            f"calibration error of {text_tables.head(row['model'], row['head'])}": row[
                "calibration_error_after" if row["helps"] == "yes" else "calibration_error_before"
            ]
            for row in sources.tables["calibration"].to_dict("records")
        },
        **{f"F1 of {name}": float(f1) for name, f1 in zip(SCHEMA.class_names, metrics.f1(counts), strict=True)},
    }
    return {name: value if isinstance(value, int) else round(float(value), DIGITS) for name, value in found.items()}


class EarlierReport(NamedTuple):
    """Another report: the name of its file, its title and its key figures."""

    file: str
    title: str
    figures: KeyFigures


def read(page: Path) -> EarlierReport:
    """Read the title of a report and the key figures that are embedded in it.

    Raises:
        InputError: When the page is missing, or is not a report.
    """
    remedy = "--against takes a report that `report` wrote"
    text = read_text(page, remedy)
    embedded, title = EMBEDDED.search(text), TITLE.search(text)
    if embedded is None:
        raise InputError(f"{page}: not a report of this pipeline; {remedy}")
    figures = parse_numbers(embedded[1], f"{page}: its figures", remedy)
    return EarlierReport(page.name, unescape(title[1]) if title else "untitled", figures)


def conclusion(page: Path) -> list[str]:
    """The scores of a report, with what each is of, and where the report is: what the user of a run wants to know."""
    now = read(page).figures
    interval = f"95 % interval {now['macro F1, low']:.3f} to {now['macro F1, high']:.3f}"
    lines = [f"macro F1, out of fold  {now['macro F1']:.3f} ({interval}), {now['labelled people']:,} people of train"]
    if "submission macro F1" in now:
        of = f"the submission's {now['submission photos']:,} photos, by their true classes"
        lines.append(f"macro F1, eval         {now['submission macro F1']:.3f}, {of}")
    return [*lines, f"report                 {page}"]


def changes(before: KeyFigures, after: KeyFigures) -> TextTable:
    """The figures that differ; a figure that one report lacks is a dash there."""
    rows = [
        [name, *_row(before.get(name), after.get(name))]
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    return TextTable(["figure", "before", "now", "change"], rows)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("f1", "F1")


def _row(before: float | None, after: float | None) -> list[str]:
    digits = 0 if isinstance(before, int) or isinstance(after, int) else 3
    values = ["-" if value is None else number(value, digits) for value in (before, after)]
    return [*values, "-" if before is None or after is None else f"{after - before:+,.{digits}f}"]
