"""The report as one HTML page that needs no other file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from pipeline import pages
from pipeline.evaluation.report import charts, key_figures, text_tables, thumbnails
from pipeline.evaluation.report.key_figures import EarlierReport
from pipeline.evaluation.report.sources import Sources
from pipeline.label_quality.suggestions import Suggestion
from pipeline.schema.metrics import confusion
from pipeline.schema.schema import SCHEMA, Codes

MAX_SUGGESTIONS = 24
STEMS = ("normal", "incorrect_mask", "mask1")  # the photos that are shown of a person with a doubtful label


@dataclass(frozen=True)
class Cell:
    """A cell of a confusion matrix: codes, number of photos, and its share of the true class."""

    true: int
    predicted: int
    count: int
    share: float


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix of all classes (`class`) or of an attribute; `block` rows have the same first value."""

    of: str
    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    block: int


def render(sources: Sources, data_set: str, earlier: EarlierReport | None = None) -> str:
    """Render the report.

    Args:
        sources: The tables of the stages.
        data_set: Name of the data set, for the title.
        earlier: Another report, to show what has changed.

    Returns:
        HTML; equal arguments give equal text.
    """
    now = key_figures.key_figures(sources)
    photos = _photos(sources)
    template = pages.templates(Path(__file__).parent).get_template("page.html")
    return template.render(
        now=now,
        figures=_json(now),
        data_set=data_set,
        earlier=earlier,
        changes=None if earlier is None else key_figures.changes(earlier.figures, now),
        biased=sources.people_across_folds or sources.scores.get("epoch_selected_on_val"),
        tables=text_tables,
        charts=charts,
        sources=sources,
        attributes=SCHEMA.names,
        matrices=_matrices(sources),
        photos=_json(photos),
        places=_json(_places()),
        shown=len(photos),
        classes=thumbnails.of_classes(sources),
        without_face=thumbnails.without_face(sources),
        without_face_total=sum(map(len, sources.without_face.values())),
        suggested=[(suggestion, _photos_of(sources, suggestion)) for suggestion in sources.suggested[:MAX_SUGGESTIONS]],
    )


def _json(value: object) -> Markup:
    """JSON that cannot end the element that contains it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _places() -> dict[str, tuple[int, int]]:
    """For the class and each attribute, divisor and modulus that give its code from a class code."""
    sizes = SCHEMA.shape
    divisors = {name: int(np.prod(sizes[place + 1 :], dtype=int)) for place, name in enumerate(SCHEMA.names)}
    return {"class": (1, SCHEMA.classes)} | {
        name: (divisors[name], size) for name, size in zip(SCHEMA.names, sizes, strict=True)
    }


def _photos(sources: Sources) -> list[tuple[str, int, int, float, str]]:
    """Path, true and predicted class, confidence and thumbnail of as many photos as the budget allows."""
    confidence = sources.probabilities.max(axis=1).round(3)
    rows = sources.crop_rows.tolist()
    order = list(thumbnails.order(sources.targets, sources.predicted, confidence.tolist()))
    gallery = thumbnails.Gallery(sources.previews("train"))
    gallery.add(rows[photo] for photo in order)
    return [
        (
            sources.photos["path"].iloc[photo],
            int(sources.targets[photo]),
            int(sources.predicted[photo]),
            confidence[photo],
            thumbnail,
        )
        for photo in order
        if (thumbnail := gallery.thumbnails.get(rows[photo]))
    ]


def _photos_of(sources: Sources, suggestion: Suggestion) -> list[tuple[str, str]]:
    """Name and thumbnail of some photos of the person whose label is doubtful."""
    own = np.flatnonzero(sources.photos["person"] == suggestion.id)
    rows = {Path(sources.photos["path"].iloc[photo]).stem: sources.crop_rows[photo] for photo in own}
    previews = sources.previews("train")
    return [(stem, thumbnails.thumbnail(previews[int(rows[stem])])) for stem in STEMS if stem in rows]


def _matrices(sources: Sources) -> list[Matrix]:
    targets, predicted = SCHEMA.decode(sources.targets), SCHEMA.decode(sources.predicted)
    return [
        _matrix("class", SCHEMA.class_names, sources.targets, sources.predicted, SCHEMA.classes // SCHEMA.shape[0]),
        *(_matrix(one.name, one.values, targets[one.name], predicted[one.name]) for one in SCHEMA.attributes),
    ]


def _matrix(of: str, values: Sequence[str], targets: Codes, predicted: Codes, block: int | None = None) -> Matrix:
    counts = confusion(targets, predicted, len(values))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [Cell(row, column, int(count), float(share)) for column, (count, share) in enumerate(zip(*both, strict=True))]
        for row, both in enumerate(zip(counts, shares, strict=True))
    ]
    return Matrix(of, f"all {len(values)} classes" if of == "class" else of, values, rows, block or len(values))
