"""What the report is made of: the tables that the stages wrote."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.folds import folded
from pipeline.formats import arrays, tables
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.label_quality import suggestions
from pipeline.label_quality.suggestions import Suggestion
from pipeline.schema.predictions import mismatches
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes

RESULTS = ("calibration", "shift", "adjustments", "systems", "epochs", "errors")
SPLITS = ("train", "eval")


@dataclass(frozen=True)
class Sources:
    """The photos that were predicted out of fold (n), their probabilities (n, 18), and tables by name.

    `photos` has the columns of `tables.LABELS` and `fold`, sorted by path; `labelled` has all labelled photos,
    `cut` the crops of each split. `scores` are those of the ensemble, `submission` those of the submission.
    """

    photos: pd.DataFrame
    probabilities: Table
    labelled: pd.DataFrame
    cut: dict[str, pd.DataFrame]
    crops: Path
    results: dict[str, pd.DataFrame]
    shares: pd.DataFrame
    scores: dict[str, float]
    submission: dict[str, float]

    @cached_property
    def true(self) -> Codes:
        """The labelled class (n,) of every picture."""
        return SCHEMA.codes(self.photos)

    @cached_property
    def predicted(self) -> Codes:
        """The likeliest class (n,) of every picture."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def suggested(self) -> list[Suggestion]:
        """Labels that the predictions contradict, the surest first."""
        return suggestions.suggest(self.photos, self.probabilities)

    @cached_property
    def misses(self) -> dict[str, Codes]:
        """Rows of each split's photos in which no face was found, where faces were searched for."""
        searched = any((cut["source"] == "face").any() for cut in self.cut.values())
        return {split: np.flatnonzero((cut["source"] == "center") & searched) for split, cut in self.cut.items()}

    @cached_property
    def leaking(self) -> int:
        """People whose photos are in several folds, so that they are predicted by models that have seen them."""
        folds = self.labelled.groupby("person")["fold"].nunique()
        return int((folds > 1).sum())

    @cached_property
    def crop_rows(self) -> Codes:
        """Where in the train crops each predicted picture (n,) is."""
        rows = pd.Index(self.cut["train"]["path"]).get_indexer(pd.Index(self.photos["path"]))
        return np.asarray(rows, np.int64)

    def pixels(self, split: str) -> Pixels:
        """All crops (n, height, width, 3) of a split, mapped into memory, in the order of `cut`."""
        return arrays.read(self.crops / f"{split}.npy")


def read(labels: Path, folds: Path, crops: Path, results: Path) -> Sources:
    """Read the tables; raises `InputError` for one that is missing or of other photos."""
    ensemble = results / "ensemble"
    photos, probabilities = suggestions.read(labels, ensemble / "out_of_fold.csv")
    cut = {split: tables.read(crops / f"{split}.csv", tables.CROPS) for split in SPLITS}
    labelled = folded(labels, folds)
    faults = mismatches(labelled["path"], cut["train"]["path"])
    raise_faults(f"{crops} does not fit {labels}: run `dvc repro`", faults)
    return Sources(
        photos.merge(labelled[["path", "fold"]], on="path", validate="one_to_one"),
        probabilities,
        labelled,
        cut,
        crops,
        {name: _table(ensemble / f"{name}.csv") for name in RESULTS},
        _table(results / "shares.csv"),
        _numbers(ensemble / "metrics.json"),
        _numbers(results / "submission.json"),
    )


def _table(path: Path) -> pd.DataFrame:
    """A table of results, numbers as numbers; empty cells are empty text or NaN."""
    tables.read(path, {})
    return pd.read_csv(path)


def _numbers(path: Path) -> dict[str, float]:
    try:
        found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    return found
