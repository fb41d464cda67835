"""Labels of fictitious people, some of them wrong, and predictions of their photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset import corrections
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.formats import tables
from pipeline.schema import label_table
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import GENDER, SCHEMA

YEARS = (24, 45, 62)


def labelled(count: int = 60) -> pd.DataFrame:
    """The labels of people of both genders and all ages, sorted by path."""
    rows = [
        (f"{person:03d}/{stem}.jpg", f"{person:03d}", mask, GENDER.values[person % 2], YEARS[person % 3], "")
        for person in range(count)
        for stem, mask in sorted(MASK_OF_STEM.items())
    ]
    return pd.DataFrame(rows, columns=list(label_table.COLUMNS))


def seen_as(truth: pd.DataFrame, sure: float = 0.9, seed: int = 0) -> Table:
    """Class probabilities (n, classes) of models that are right about most photos."""
    draw = np.random.default_rng(seed)
    heads = {}
    for attribute in SCHEMA.attributes:
        noise = draw.dirichlet(np.ones(len(attribute.values)), len(truth))
        true = np.eye(len(attribute.values))[attribute.codes(truth[attribute.name])]
        heads[attribute.name] = sure * true + (1 - sure) * noise
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
    """Write labels.parquet and out_of_fold.parquet into a folder, as the stages do."""
    tables.write(labels, folder / "labels.parquet")
    known = {"path": paths or list(labels["path"]), "target": SCHEMA.codes(labels)}
    table = pd.concat([pd.DataFrame(known), pd.DataFrame(probabilities, columns=SCHEMA.class_names)], axis=1)
    tables.write(table, folder / "out_of_fold.parquet")
