"""The labelled pictures with their folds."""

from pathlib import Path

import pandas as pd

from pipeline import tables
from pipeline.errors import raise_faults
from pipeline.predictions import mismatches


def folded(labels: Path, folds: Path) -> pd.DataFrame:
    """The table of labels with the column `fold`; raises `InputError` unless both tables are of the same pictures."""
    labelled, dealt = tables.read(labels, tables.LABELS), tables.read(folds, tables.FOLDS)
    raise_faults(f"{folds} does not fit {labels}: run `dvc repro`", mismatches(labelled["path"], dealt["path"]))
    return labelled.merge(dealt[["path", "fold"]], on="path", validate="one_to_one")
