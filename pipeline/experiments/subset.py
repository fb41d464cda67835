"""A subset of a data set in the same layout; its photos are second names of those of the whole, or copies."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.layout import EVAL, INFO, PEOPLE, TRAIN
from pipeline.formats import tables
from pipeline.foundation.files import link
from pipeline.schema.schema import band


def write(root: Path, people: int, folds: int, folder: Path) -> None:
    """Write `people` people of the data set at `root`, and the same share of its eval photos, into `folder`.

    People are chosen at even steps of the order by gender and age, which preserves the distribution of both. Further
    people are added until each gender and age band has one person per fold, as far as the data set has them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rows = tables.read(root / "train" / "train.csv", PEOPLE)
    years = pd.to_numeric(rows["age"], errors="coerce")
    order = rows.assign(years=years, band=band(years.to_numpy())).sort_values(["gender", "years", "path"])
    taken = set(order.index[_steps(len(rows), people)])
    for _, matched in order.groupby(["gender", "band"]):
        lacking = max(folds - len(taken.intersection(matched.index)), 0)
        taken.update([row for row in matched.index if row not in taken][:lacking])
    chosen = rows.loc[sorted(taken)]
    tables.write(chosen, folder / "train" / "train.csv")
    for person in chosen["path"]:
        _link(root / TRAIN / person, folder / TRAIN / person)
    info = tables.read(root / "eval" / "info.csv", INFO)
    shown = info.iloc[_steps(len(info), round(len(info) * len(chosen) / len(rows)))]
    tables.write(shown, folder / "eval" / "info.csv")
    _link(root / EVAL, folder / EVAL, set(shown["ImageID"]))


def _steps(length: int, wanted: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.unique(np.linspace(0, length - 1, min(wanted, length)).round().astype(np.int64))


def _link(source: Path, target: Path, names: set[str] | None = None) -> None:
    target.mkdir(parents=True)
    for file in source.iterdir():
        if names is None or file.name in names:
            link(file.resolve(), target / file.name)
