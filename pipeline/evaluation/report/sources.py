"""Sources of the report: the tables that the stages wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.folds import labels_with_folds
from pipeline.formats import crop_files, tables
from pipeline.formats.crop_files import SPLITS
from pipeline.formats.documents import read_numbers
from pipeline.formats.previews import Previews
from pipeline.foundation.errors import raise_faults
from pipeline.label_quality import suggestions
from pipeline.label_quality.suggestions import Suggestion
from pipeline.schema.predictions import mismatches
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

TABLES = ("calibration", "label_shift", "adjustments", "systems", "epochs", "errors")
REMEDY = "run `dvc repro`"


@dataclass(frozen=True)
class Sources:
    """The inputs of the report.

    Attributes:
        photos: The photos with out-of-fold predictions (n), sorted by path: `label_table.COLUMNS`, `fold`, and
            `identity`, one name for all folders of a person.
        probabilities: Their class probabilities (n, classes).
        labelled: All labelled photos; `person` is the identity.
        crop_tables: The table of crops of each split.
        crops: Folder of the crops.
        tables: Tables of the ensemble, by name.
        shares: Class shares of the submission and of train.
        scores: Scores of the ensemble.
        submission: Number of photos of the submission, and its scores where the answers are known.
        train_bands: Boundaries of the age bands that each model is trained on, by the model's name.
    """

    photos: pd.DataFrame
    probabilities: Table
    labelled: pd.DataFrame
    crop_tables: dict[str, pd.DataFrame]
    crops: Path
    tables: dict[str, pd.DataFrame]
    shares: pd.DataFrame
    scores: dict[str, float]
    submission: dict[str, float]
    train_bands: Mapping[str, Sequence[int]]

    @cached_property
    def targets(self) -> Codes:
        """The labelled class (n,) of every photo with a prediction."""
        return SCHEMA.codes(self.photos)

    @cached_property
    def predicted(self) -> Codes:
        """The likeliest class (n,) of every photo with a prediction."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def suggested(self) -> list[Suggestion]:
        """Labels that the predictions contradict, the most doubtful first."""
        return suggestions.suggest(self.photos, self.probabilities)

    @cached_property
    def without_face(self) -> dict[str, Codes]:
        """Rows of each split's crops for which no face was found, where faces were searched for."""
        searched = any((table["source"] == "face").any() for table in self.crop_tables.values())
        return {
            split: np.flatnonzero((table["source"] == "center") & searched) for split, table in self.crop_tables.items()
        }

    @cached_property
    def people_across_folds(self) -> int:
        """Number of people whose photos are in several folds: they are predicted by models trained on them."""
        folds = self.labelled.groupby("person")["fold"].nunique()
        return int((folds > 1).sum())

    @cached_property
    def crop_rows(self) -> Codes:
        """Row of the train crops (n,) of every photo with a prediction."""
        rows = pd.Index(self.crop_tables["train"]["path"]).get_indexer(pd.Index(self.photos["path"]))
        return np.asarray(rows, np.int64)

    def previews(self, split: str) -> Previews:
        """All crops (n) of a split as small JPEGs, in the order of its table."""
        return crop_files.crop_previews(self.crops, split)


def read(labels: Path, folds: Path, crops: Path, results: Path, train_bands: Mapping[str, Sequence[int]]) -> Sources:
    """Read the inputs of the report.

    Raises:
        InputError: When a table is missing, or holds other photos than the labels.
    """
    ensemble = results / "ensemble"
    photos, probabilities = suggestions.read(labels, ensemble / "out_of_fold.parquet")
    crop_tables = {split: crop_files.table(crops, split) for split in SPLITS}
    labelled = labels_with_folds(labels, folds)
    faults = mismatches(labelled["path"], crop_tables["train"]["path"])
    raise_faults(f"{crops} does not fit {labels}: run `dvc repro`", faults)
    return Sources(
        photos.merge(
            labelled[list(tables.FOLDS)].rename(columns={"person": "identity"}), on="path", validate="one_to_one"
        ),
        probabilities,
        labelled,
        crop_tables,
        crops,
        {name: tables.infer(ensemble / f"{name}.csv") for name in TABLES},
        tables.infer(results / "shares.csv"),
        read_numbers(ensemble / "metrics.json", REMEDY),
        read_numbers(results / "submission.json", REMEDY),
        train_bands,
    )
