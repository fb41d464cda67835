"""Stage report: data, scores, errors and label quality on one HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.evaluation.report import key_figures, sources
from pipeline.evaluation.report.page import render
from pipeline.evaluation.report.written import with_digest
from pipeline.foundation.files import write_text
from pipeline.foundation.terminal import log
from pipeline.schema.schema import AGE, SCHEMA

if TYPE_CHECKING:
    from pipeline.modeling.config import ModelConfig


def report(
    labels: Path,
    folds: Path,
    crops: Path,
    results: Path,
    report: Path,
    models: Mapping[str, "ModelConfig"],
    trained: Sequence[str],
    data_set: str,
    against: Path | None = None,
) -> None:
    """Write the report.

    Args:
        labels: Table of labels.
        folds: Table of folds.
        crops: Folder of the crops.
        results: Folder of the results, with those of the ensemble in `ensemble`.
        report: HTML page to write.
        models: Configurations of models, by name.
        trained: Names of the models that are trained; the age bands that they are trained on are marked.
        data_set: Name of the data set, for the title.
        against: An earlier report; its key figures that differ are shown.

    Raises:
        InputError: When a table is missing or of other photos, or `against` is not a report.
    """
    earlier = key_figures.read(against) if against else None
    train_bands = {name: bands for name in trained for bands in _age_bands(models[name])}
    text = with_digest(render(sources.read(labels, folds, crops, results, train_bands), data_set, earlier))
    write_text(report, text)
    log(f"{report}: {len(text.encode()) / 1e6:.1f} MB")


def _age_bands(model: "ModelConfig") -> list[tuple[int, ...]]:
    """The boundaries of the age bands that a model is trained on; none without a head of age bands."""
    heads = model.heads.items()
    return [head.bands for name, head in heads if AGE.name in SCHEMA.head(name).names and not head.of_years]
