"""The report's figures in a few numbers, kept inside its page, and what changed against another report."""

import json
import re
from pathlib import Path

from pipeline.evaluation.report import scores
from pipeline.evaluation.report.grids import Grid, number
from pipeline.evaluation.report.sources import Sources
from pipeline.foundation.errors import InputError
from pipeline.schema import metrics
from pipeline.schema.schema import SCHEMA

Figures = dict[str, float]
KEPT = re.compile(r'<script type="application/json" id="figures">(.*?)</script>', re.DOTALL)
DIGITS = 6


def figures(sources: Sources) -> Figures:
    """What two reports are compared by, in the order in which it is shown; counts are whole numbers."""
    low, high = scores.bounds(sources)
    counts = metrics.confusion(sources.true, sources.predicted)
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
        "photos without a face": sum(map(len, sources.misses.values())),
        "suggested corrections": len(sources.suggested),
        **{
            f"calibration error of {row['model']}: {row['head']}": row["calibration_error_after"]
            for row in sources.results["calibration"].to_dict("records")
        },
        **{f"F1 of {name}": float(score) for name, score in zip(SCHEMA.class_names, metrics.f1(counts), strict=True)},
    }
    return {name: value if isinstance(value, int) else round(float(value), DIGITS) for name, value in found.items()}


def read(page: Path) -> Figures:
    """The figures inside a report's page; raises `InputError` when there are none."""
    try:
        kept = KEPT.search(page.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{page}: no such file; --against takes a report that `report` wrote") from None
    except UnicodeDecodeError:
        kept = None
    if kept is None:
        raise InputError(f"{page}: no report of this pipeline; --against takes one that `report` wrote")
    found: Figures = json.loads(kept[1])
    return found


def changes(before: Figures, after: Figures) -> Grid:
    """What is not as it was, a row a figure; a figure that one report lacks is a dash there."""
    rows = [
        [name, *_row(before.get(name), after.get(name))]
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]
    return Grid(["figure", "before", "now", "change"], rows)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("f1", "F1")


def _row(before: float | None, after: float | None) -> list[str]:
    digits = 0 if isinstance(before, int) or isinstance(after, int) else 3
    shown = ["-" if value is None else number(value, digits) for value in (before, after)]
    return [*shown, "-" if before is None or after is None else f"{after - before:+,.{digits}f}"]
