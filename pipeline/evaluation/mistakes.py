"""The worst mistakes: photos whose wrong answer was surest, shown with what was true and what was said."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.formats import arrays, contact_sheets, tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA

MOST = 32
OF_A_PERSON = 2  # seven photos of one face would say the same
TILE = 160


def worst(photos: pd.DataFrame, probabilities: Table) -> pd.DataFrame:
    """The wrongly answered of labelled photos (n), the surest first, with what was true and said, and how probable.

    How sure is the probability (n, 18) of what was said minus that of the truth. A person is there twice at most.
    """
    true, said = SCHEMA.codes(photos), probabilities.argmax(axis=1)
    rows, readable = np.arange(len(photos)), np.array(SCHEMA.class_names)
    table = photos[["path", "person"]].assign(
        true=readable[true],
        true_probability=probabilities[rows, true],
        said=readable[said],
        said_probability=probabilities[rows, said],
    )
    table = table[true != said]
    surest = (table["true_probability"] - table["said_probability"]).sort_values(kind="stable").index
    first: pd.DataFrame = table.loc[surest].groupby("person", sort=False).head(OF_A_PERSON)
    return first


def write(path: Path, crops: Path, photos: pd.DataFrame, probabilities: Table) -> None:
    """Write the sheet of the worst mistakes, with the crops that the models saw; raises `InputError` without these."""
    wrong = worst(photos, probabilities)
    shown = wrong.head(MOST)
    rows = pd.Index(tables.read(crops / "train.csv", {"path": "text"})["path"]).get_indexer(pd.Index(shown["path"]))
    lacking = [path for path, row in zip(shown["path"], rows, strict=True) if row < 0]
    raise_faults(f"{crops}: no crops of these photos: run `dvc repro`", lacking)
    packed = arrays.read(crops / "train.npy")
    captions = [
        f"is {row.true} {row.true_probability:.2f}\nsaid {row.said} {row.said_probability:.2f}"
        for row in shown.itertuples()
    ]
    title = f"The {len(shown)} surest mistakes out of fold, two a person at most; numbers are probabilities"
    contact_sheets.write(path, title if len(shown) else "no mistake out of fold", packed[rows], captions, TILE)
