"""The worst mistakes: the photos that were misclassified with the highest confidence, and a sheet of their crops."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import contact_sheets, crop_files
from pipeline.formats.images import Pixels, decode
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
    return _first(table[targets != predicted])


class Worst:
    """The worst mistakes among blocks of photos that pass by."""

    def __init__(self) -> None:
        self._of_blocks: list[pd.DataFrame] = []

    @property
    def photos(self) -> pd.DataFrame:
        """Those of all blocks so far, as of `worst`."""
        return _first(pd.concat(self._of_blocks))

    def watch(self, blocks: Iterable[tuple[pd.DataFrame, Table]]) -> Iterator[tuple[pd.DataFrame, Table]]:
        """Yield labelled photos (k) and their class probabilities (k, classes) as they come.

        The worst of all blocks are among the worst of their own block: for every photo that precedes one there, a photo
        of the same person precedes it among all.
        """
        for photos, probabilities in blocks:
            self._of_blocks.append(worst(photos, probabilities))
            yield photos, probabilities


def crops(shown: pd.DataFrame, folder: Path) -> list[Pixels]:
    """The previews of photos, by their `path`, in the folder of crops.

    Raises:
        InputError: Names the photos without a crop.
    """
    rows = crop_files.positions(folder, "train", shown["path"])
    raise_faults(f"{folder}: no crops of these photos: run `dvc repro`", list(shown["path"][rows < 0]))
    previews = crop_files.crop_previews(folder, "train")
    return [decode(previews[row], f"{folder}: preview {row + 1} of train") for row in rows.tolist()]


def write(path: Path, shown: pd.DataFrame, crops: Sequence[Pixels]) -> None:
    """Write the sheet of the worst mistakes, with their crops."""
    captions = [
        f"true {row.true} {row.true_probability:.2f}\npredicted {row.predicted} {row.predicted_probability:.2f}"
        for row in shown.itertuples()
    ]
    title = f"The {len(shown)} most confident mistakes out of fold, at most two a person, with probabilities"
    contact_sheets.write(path, title if len(shown) else "no mistakes out of fold", crops, captions, TILE)


def _first(wrong: pd.DataFrame) -> pd.DataFrame:
    order = (wrong["true_probability"] - wrong["predicted_probability"]).sort_values(kind="stable").index
    first: pd.DataFrame = wrong.loc[order].groupby("person", sort=False).head(MAX_PER_PERSON)
    return first.head(MAX_PHOTOS)
