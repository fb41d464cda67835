"""The labelled photos with their folds, and the groups for cross-fitting on out-of-fold predictions."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema import label_table
from pipeline.schema.predictions import mismatches
from pipeline.schema.schema import Codes

GROUPS = 5
"""Number of groups of people when there is only one fold."""


def labels_with_folds(labels: Path, folds: Path) -> pd.DataFrame:
    """Read the table of labels and add the column `fold`; `person` is one name for all folders of a person.

    Raises:
        InputError: When a table is missing or malformed, or the tables list different photos.
    """
    return _join(labels, label_table.read(labels).drop(columns="person"), folds)


def categorical_labels_with_folds(labels: Path, folds: Path) -> pd.DataFrame:
    """Read what `labels_with_folds` reads but `corrected`, with categories for text that repeats: 60 bytes a row.

    Raises as `labels_with_folds` does.
    """
    labelled = pd.concat(label_table.batches(labels))
    tables.require_unique(labels, labelled, "path")
    joined = _join(labels, labelled, folds)
    return joined.assign(person=joined["person"].astype("category"))


def _join(labels: Path, labelled: pd.DataFrame, folds: Path) -> pd.DataFrame:
    assigned = pd.concat(tables.batches(folds, tables.FOLDS), ignore_index=True)
    if not labelled["path"].equals(assigned["path"]):
        tables.require_unique(folds, assigned, "path")
        raise_faults(f"{folds} does not fit {labels}: run `dvc repro`", mismatches(labelled["path"], assigned["path"]))
        assigned = assigned.iloc[pd.Index(assigned["path"]).get_indexer(pd.Index(labelled["path"]))]
    return labelled.assign(**{name: assigned[name].array for name in ("person", "fold")})


def groups(photos: pd.DataFrame, fitted_on: pd.DataFrame | None = None) -> Codes:
    """Return the cross-fitting group (n,) of every photo: parameters that apply to a group are fitted on the others.

    The group of a photo is its fold. With a single fold, people are split into `GROUPS` groups.

    Args:
        photos: Labelled photos (n).
        fitted_on: The photos that parameters are fitted on, by default `photos`. Their people are those that are split;
            others are in any group, as nothing is fitted on them.
    """
    fitted_on = photos if fitted_on is None else fitted_on
    if len(np.unique(fitted_on["fold"])) > 1:
        return photos["fold"].to_numpy(np.int64)
    people = np.unique(fitted_on["person"].to_numpy(str))
    return np.asarray(np.searchsorted(people, photos["person"].to_numpy(str)) % GROUPS)
