"""The photos inside the report, small and counted, so that its page stays small whatever the data set."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from pipeline.evaluation.report.sources import Sources
from pipeline.formats.images import Pixels
from pipeline.pages import jpeg
from pipeline.schema.schema import SCHEMA, Codes

SIDE = 96  # of a thumbnail in pixels, at most
BUDGET = 11_000_000  # characters of all thumbnails: with plots and tables the page stays below 15 MB
RIGHT = 6  # thumbnails of each class that is predicted right; the others are there for errors
MISSES = 24


@dataclass
class Gallery:
    """Thumbnails by row of a split's crops, as long as the budget lasts."""

    pixels: Pixels
    left: int = BUDGET
    thumbnails: dict[int, str] = field(default_factory=dict)

    def add(self, rows: Iterable[int]) -> None:
        """Take in photos one after another, and stop at the first that no longer fits."""
        for row in rows:
            if row in self.thumbnails:
                continue
            text = thumbnail(self.pixels[row])
            if len(text) > self.left:
                self.left = 0
                return
            self.thumbnails[row] = text
            self.left -= len(text)


def thumbnail(pixels: Pixels) -> str:
    """A crop (h, w, 3) as a small JPEG in base 64."""
    return base64.b64encode(jpeg(pixels, SIDE, quality=65)).decode()


def chosen(true: Codes, predicted: Codes, confidence: Sequence[float]) -> Iterator[int]:
    """Photos (n) to be shown: of every cell of the confusion in turn one, errors first, the surest of each first.

    Whatever the number is that fits, every kind of error then has its share.
    """
    surest = np.lexsort((np.arange(len(true)), -np.asarray(confidence)))
    cell = true * SCHEMA.classes + predicted
    wrong = [surest[cell[surest] == one] for one in np.unique(cell[true != predicted])]
    right = [surest[cell[surest] == one][:RIGHT] for one in np.unique(cell[true == predicted])]
    for cells in (wrong, right):
        for turn in zip_longest(*cells):
            yield from (int(row) for row in turn if row is not None)


def misses(sources: Sources) -> list[tuple[str, str]]:
    """Name and thumbnail of the first photos without a face, of all splits."""
    found: list[tuple[str, str]] = []
    for split, rows in sources.misses.items():
        paths, pixels = sources.cut[split]["path"], sources.pixels(split)
        found += [(f"{split}: {paths.iloc[row]}", thumbnail(pixels[row])) for row in rows[: MISSES - len(found)]]
    return found
