"""Labels of made-up people, some of them wrong, and what models read in their photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset import corrections
from pipeline.formats import tables
from pipeline.schema.labels import ATTRIBUTES, GENDERS, MASK_OF_STEM, label_codes, names
from pipeline.schema.probabilities import Table, multiply

YEARS = (24, 45, 62)


def labelled(count: int = 60) -> pd.DataFrame:
    """The labels of people of both genders and all ages, sorted by path."""
    rows = [
        (f"{person:03d}/{stem}.jpg", f"{person:03d}", mask, GENDERS[person % 2], YEARS[person % 3], "")
        for person in range(count)
        for stem, mask in sorted(MASK_OF_STEM.items())
    ]
    return pd.DataFrame(rows, columns=list(tables.LABELS))


def seen_as(truth: pd.DataFrame, sure: float = 0.9, seed: int = 0) -> Table:
    """Probabilities (n, 18) of models that see the truth in most photos."""
    draw = np.random.default_rng(seed)
    heads = {}
    for attribute, values in ATTRIBUTES.items():
        noise = draw.dirichlet(np.ones(len(values)), len(truth))
        true = np.eye(len(values))[label_codes(truth, (attribute,))]
        heads[attribute] = sure * true + (1 - sure) * noise
    return multiply(heads)


def with_wrong(truth: pd.DataFrame, person: str, **label: str | int) -> pd.DataFrame:
    wrong = truth.copy()
    wrong.loc[wrong["person"] == person, list(label)] = list(label.values())
    return wrong


def with_swap(truth: pd.DataFrame, person: str) -> pd.DataFrame:
    wrong = truth.copy()
    where = wrong["person"] == person
    wrong.loc[where, "mask"] = wrong.loc[where, "mask"].map(corrections.SWAPPED)
    return wrong


def write(folder: Path, labels: pd.DataFrame, probabilities: Table, paths: Sequence[str] | None = None) -> None:
    """Leave both in a folder as the stages do, labels.csv and out_of_fold.csv."""
    tables.write(labels, folder / "labels.csv")
    known = {"path": paths or list(labels["path"]), "target": label_codes(labels, tuple(ATTRIBUTES))}
    table = pd.concat([pd.DataFrame(known), pd.DataFrame(probabilities, columns=names())], axis=1)
    tables.write(table, folder / "out_of_fold.csv")
