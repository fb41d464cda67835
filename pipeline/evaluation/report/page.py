"""The report as one HTML page, complete in itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from pipeline.evaluation.report import drawings, figures, gallery, grids, scores
from pipeline.evaluation.report.figures import Figures
from pipeline.evaluation.report.gallery import Gallery
from pipeline.evaluation.report.sources import Sources
from pipeline.label_quality.suggestions import Suggestion
from pipeline.schema.metrics import confusion
from pipeline.schema.schema import SCHEMA, Codes

FOLDER = Path(__file__).parent
PAGES = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
SUGGESTED = 24
SHOWN = ("normal", "incorrect_mask", "mask1")  # photos of a person whose label is doubted


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: codes, photos, and its share of the true class, by which it is coloured."""

    true: int
    predicted: int
    count: int
    share: float


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix of all classes (`class`) or of an attribute."""

    of: str
    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def render(sources: Sources, before: Figures | None = None) -> str:
    """The page's text; equal sources give equal text. `before` are the figures of another report."""
    now = figures.figures(sources)
    photos = _photos(sources)
    return PAGES.get_template("page.html").render(
        now=now,
        figures=_json(now),
        before=None if before is None else figures.changes(before, now),
        grids=grids,
        scores=scores,
        sources=sources,
        drawn=lambda name: Markup(getattr(drawings, name)(sources)),
        matrices=_matrices(sources),
        photos=_json(photos),
        shown=len(photos),
        misses=gallery.misses(sources),
        missed=sum(map(len, sources.misses.values())),
        suggested=[(each, _faces(sources, each)) for each in sources.suggested[:SUGGESTED]],
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
    )


def _json(value: object) -> Markup:
    """JSON that cannot end the element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _photos(sources: Sources) -> list[tuple[str, int, int, float, str]]:
    """Path, label, answer, confidence and thumbnail of as many predicted photos as there is room for."""
    confidence = sources.probabilities.max(axis=1).round(3)
    rows = sources.crop_rows.tolist()
    order = list(gallery.chosen(sources.true, sources.predicted, confidence.tolist()))
    there = Gallery(sources.pixels("train"))
    there.add(rows[row] for row in order)
    return [
        (
            sources.photos["path"].iloc[row],
            int(sources.true[row]),
            int(sources.predicted[row]),
            confidence[row],
            thumbnail,
        )
        for row in order
        if (thumbnail := there.thumbnails.get(rows[row]))
    ]


def _faces(sources: Sources, suggestion: Suggestion) -> list[tuple[str, str]]:
    """Name and thumbnail of some photos of a person whose label is doubted."""
    own = np.flatnonzero(sources.photos["person"] == suggestion.id)
    found = {Path(sources.photos["path"].iloc[row]).stem: sources.crop_rows[row] for row in own}
    pixels = sources.pixels("train")
    return [(stem, gallery.thumbnail(pixels[found[stem]])) for stem in SHOWN if stem in found]


def _matrices(sources: Sources) -> list[Matrix]:
    true, predicted = SCHEMA.decode(sources.true), SCHEMA.decode(sources.predicted)
    return [
        _matrix("class", SCHEMA.class_names, sources.true, sources.predicted),
        *(_matrix(one.name, one.values, true[one.name], predicted[one.name]) for one in SCHEMA.attributes),
    ]


def _matrix(of: str, values: Sequence[str], true: Codes, predicted: Codes) -> Matrix:
    counts = confusion(true, predicted, len(values))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [Cell(row, column, int(count), float(share)) for column, (count, share) in enumerate(zip(*both, strict=True))]
        for row, both in enumerate(zip(counts, shares, strict=True))
    ]
    return Matrix(of, values, rows)
