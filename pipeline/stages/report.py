"""Stage report: data, scores, errors and label quality on one HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.evaluation.report import key_figures, sources
from pipeline.evaluation.report.page import render
from pipeline.foundation.files import write_text


def report(
    labels: Path,
    folds: Path,
    crops: Path,
    results: Path,
    report: Path,
    train_bands: Mapping[str, Sequence[int]],
    against: Path | None = None,
) -> None:
    """Write the report.

    Args:
        labels: Table of labels.
        folds: Table of folds.
        crops: Folder of the crops.
        results: Folder of the results, with those of the ensemble in `ensemble`.
        report: HTML page to write.
        train_bands: Boundaries of the age bands that each model is trained on, by the model's name.
        against: An earlier report; its key figures that differ are shown.

    Raises:
        InputError: When a table is missing or of other photos, or `against` is not a report.
    """
    before = key_figures.read(against) if against else None
    text = render(sources.read(labels, folds, crops, results, train_bands), before)
    write_text(report, text)
    print(f"{report}: {len(text.encode()) / 1e6:.1f} MB")
