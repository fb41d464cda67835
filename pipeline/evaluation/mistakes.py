"""The worst mistakes: the photos that were misclassified with the highest confidence, and a sheet of their crops."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import contact_sheets, crop_files
from pipeline.formats.images import Pixels
from pipeline.foundation.errors import raise_faults
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA

MAX_PHOTOS = 32
MAX_PER_PERSON = 2  # photos of one person tend to be misclassified together
TILE = 160


def worst(photos: pd.DataFrame, probabilities: Table) -> pd.DataFrame:
    """The misclassified photos of the highest confidence, in its order: at most two a person, and 32 in all.

    Args:
        photos: Labelled photos (n).
        probabilities: Their class probabilities (n, classes).

    Returns:
        A row for each photo with the names and probabilities of its true and predicted class. Confidence is the
        probability of the predicted class minus that of the true class.
    """
    targets, predicted = SCHEMA.codes(photos), probabilities.argmax(axis=1)
    rows, names = np.arange(len(photos)), np.array(SCHEMA.class_names)
    table = photos[["path", "person"]].assign(
        true=names[targets],
        true_probability=probabilities[rows, targets],
        predicted=names[predicted],
        predicted_probability=probabilities[rows, predicted],
    )
    table = table[targets != predicted]
    order = (table["true_probability"] - table["predicted_probability"]).sort_values(kind="stable").index
    first: pd.DataFrame = table.loc[order].groupby("person", sort=False).head(MAX_PER_PERSON)
    return first.head(MAX_PHOTOS)


def crops(shown: pd.DataFrame, folder: Path) -> list[Pixels]:
    """The crops of photos, by their `path`, in the folder of crops.

    Raises:
        InputError: Names the photos without a crop.
    """
    rows = pd.Index(crop_files.paths(folder, "train")).get_indexer(pd.Index(shown["path"]))
    missing = [path for path, row in zip(shown["path"], rows, strict=True) if row < 0]
    raise_faults(f"{folder}: no crops of these photos: run `dvc repro`", missing)
    packed = crop_files.pixels(folder, "train")
    return [packed[row] for row in rows.tolist()]


def write(path: Path, shown: pd.DataFrame, crops: Sequence[Pixels]) -> None:
    """Write the sheet of the worst mistakes, with their crops."""
    captions = [
        f"true {row.true} {row.true_probability:.2f}\npredicted {row.predicted} {row.predicted_probability:.2f}"
        for row in shown.itertuples()
    ]
    title = f"The {len(shown)} most confident mistakes out of fold, at most two a person, with probabilities"
    contact_sheets.write(path, title if len(shown) else "no mistakes out of fold", crops, captions, TILE)
