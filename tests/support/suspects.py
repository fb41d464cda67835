"""Twelve suspected people, to be reviewed."""

from pathlib import Path

import pandas as pd

from pipeline.dataset import corrections
from pipeline.dataset.config import Relabel
from pipeline.dataset.corrections import SWAP
from pipeline.formats import tables
from pipeline.label_quality.review import cases
from pipeline.label_quality.review.cases import Case
from pipeline.label_quality.review.reviewing import Review
from pipeline.label_quality.suggestions import read
from pipeline.schema import label_table
from pipeline.stages.relabel import relabel
from tests.support.dataset import DataSet
from tests.support.readings import seen_as, write

PEOPLE = tuple(f"{number:06d}_female_Asian_{20 + number}" for number in range(12))


class Workspace:
    """A data set of women whom models read as women; ten suggested genders, an age and a swap, one person with two."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = DataSet(root / "photos", PEOPLE)
        self.suggestions = root / "suggestions.csv"
        labels = self.relabel()
        write(root, labels, seen_as(labels))
        self.suggest([(person, "gender", "female", "male") for person in PEOPLE[:10]])
        self.suggest([(PEOPLE[0], "age", "20", "62"), (PEOPLE[11], "mask", "", SWAP)])

    def suggest(self, rows: list[tuple[str, str, str, str]]) -> None:
        """Add suggestions to the file."""
        more = pd.DataFrame([(*row, "models", "0.9", "they say so") for row in rows], dtype=str)
        more.columns = pd.Index([*corrections.COLUMNS, "score", "evidence"])
        before = [tables.read(self.suggestions, corrections.COLUMNS)] if self.suggestions.exists() else []
        tables.write(pd.concat([*before, more]), self.suggestions)

    def relabel(self, *names: str) -> pd.DataFrame:
        labels = self.root / "labels.parquet"
        relabel(self.data.root, self.root / "fixes", labels, Relabel(fixes=names))
        return tables.read(labels, label_table.COLUMNS)

    def cases(self) -> list[Case]:
        labels_and_probabilities = read(self.root / "labels.parquet", self.root / "out_of_fold.parquet")
        return cases.read(self.suggestions, *labels_and_probabilities, self.data.root)

    def review(self, reviewer: str = "anna") -> Review:
        """A review, opened."""
        decided, corrected = (self.root / folder / f"{reviewer}.csv" for folder in ("reviews", "fixes"))
        opened = Review(self.cases(), decided, corrected, reviewer)
        opened.open(PEOPLE)
        return opened
