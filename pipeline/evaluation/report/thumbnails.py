"""The report's photos: thumbnails within a budget, so that the page stays small whatever the data set."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import pandas as pd

from pipeline.evaluation.report.sources import Sources
from pipeline.formats.previews import Previews
from pipeline.schema.schema import SCHEMA, Codes

BUDGET = 11_000_000  # characters of all thumbnails: with plots and tables the page stays below 15 MB
MAX_CORRECT = 6  # thumbnails of each class that is predicted right
MAX_WITHOUT_FACE = 24
MAX_OF_CLASS = 6  # people that are shown of each class


@dataclass
class Gallery:
    """Thumbnails of a split's crops, by row, as long as the budget lasts."""

    previews: Previews
    budget: int = BUDGET
    thumbnails: dict[int, str] = field(default_factory=dict)

    def add(self, rows: Iterable[int]) -> None:
        """Add the crops of rows in their order, up to the first that no longer fits."""
        for row in rows:
            if row in self.thumbnails:
                continue
            text = thumbnail(self.previews[row])
            if len(text) > self.budget:
                self.budget = 0
                return
            self.thumbnails[row] = text
            self.budget -= len(text)


def thumbnail(preview: bytes) -> str:
    """A preview in base 64."""
    return base64.b64encode(preview).decode()


def order(targets: Codes, predicted: Codes, confidence: Sequence[float]) -> Iterator[int]:
    """Photos (n) in the order in which they are added, so that every kind of error has its share of any budget.

    One photo from each cell of the confusion matrix in turn, the most confident of a cell first: first the cells of
    errors, then those of correct predictions.
    """
    by_confidence = np.lexsort((np.arange(len(targets)), -np.asarray(confidence)))
    cell = targets * SCHEMA.classes + predicted
    wrong = [by_confidence[cell[by_confidence] == one] for one in np.unique(cell[targets != predicted])]
    correct = [by_confidence[cell[by_confidence] == one][:MAX_CORRECT] for one in np.unique(cell[targets == predicted])]
    for cells in (wrong, correct):
        for turn in zip_longest(*cells):
            yield from (int(row) for row in turn if row is not None)


def of_classes(sources: Sources) -> list[tuple[str, list[tuple[str, str]]]]:
    """Name of every class with the thumbnails of its first people, one photo of each."""
    codes = SCHEMA.codes(sources.labelled)
    rows = pd.Index(sources.crop_tables["train"]["path"]).get_indexer(pd.Index(sources.labelled["path"]))
    previews = sources.previews("train")
    found = []
    for code, name in enumerate(SCHEMA.class_names):
        shown = sources.labelled.assign(row=rows)[codes == code].drop_duplicates("person").head(MAX_OF_CLASS)
        photos = [(path, thumbnail(previews[row])) for path, row in zip(shown["path"], shown["row"], strict=True)]
        found.append((name, photos))
    return found


def without_face(sources: Sources) -> list[tuple[str, str]]:
    """Name and thumbnail of the first photos without a face, of all splits."""
    found: list[tuple[str, str]] = []
    for split, rows in sources.without_face.items():
        paths, previews = sources.crop_tables[split]["path"], sources.previews(split)
        shown = rows[: MAX_WITHOUT_FACE - len(found)]
        found += [(f"{split}: {paths.iloc[row]}", thumbnail(previews[row])) for row in shown]
    return found
