"""The labelled photos with their folds, and the groups of them that are scored by what the others taught."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema import label_table
from pipeline.schema.predictions import mismatches
from pipeline.schema.schema import Codes

GROUPS = 5  # of people, where there is one fold only


def folded(labels: Path, folds: Path) -> pd.DataFrame:
    """The table of labels with the column `fold`; raises `InputError` unless both tables are of the same photos."""
    labelled, assigned = label_table.read(labels), tables.read(folds, tables.FOLDS, unique="path")
    raise_faults(f"{folds} does not fit {labels}: run `dvc repro`", mismatches(labelled["path"], assigned["path"]))
    return labelled.merge(assigned[["path", "fold"]], on="path", validate="one_to_one")


def groups(photos: pd.DataFrame) -> Codes:
    """The group of every labelled photo (n,), to which applies what is fitted on the other groups: its fold.

    Photos of a fold that is alone are in five groups of people.
    """
    folds = photos["fold"].to_numpy(np.int64)
    people = np.unique(photos["person"].to_numpy(str), return_inverse=True)[1]
    return np.asarray(folds if len(set(folds)) > 1 else people % GROUPS)
