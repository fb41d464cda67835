"""A subset of a data set in the same layout; its photos are second names of those of the whole, or copies."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, INFO, PEOPLE, TRAIN
from pipeline.formats import tables
from pipeline.foundation.files import link, write_bytes
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
    _take(root / TRAIN, _of_people(root / TRAIN, list(chosen["path"])), folder / TRAIN)
    info = tables.read(root / "eval" / "info.csv", INFO)
    shown = info.iloc[_steps(len(info), round(len(info) * len(chosen) / len(rows)))]
    tables.write(shown, folder / "eval" / "info.csv")
    absent = set(photo_shards.absent(root / EVAL, list(shown["ImageID"])))
    _take(root / EVAL, [name for name in shown["ImageID"] if name not in absent], folder / EVAL)


def _steps(length: int, wanted: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.unique(np.linspace(0, length - 1, min(wanted, length)).round().astype(np.int64))


def _of_people(images: Path, people: Sequence[str]) -> list[str]:
    """All files in the folders of some people, relative to the folder of all."""
    if photo_shards.is_sharded(images):
        names = photo_shards.paths(images)
        return list(names[photo_shards.parts(names)[0].isin(people)])
    return [f"{person}/{file.name}" for person in people for file in (images / person).iterdir()]


def _take(images: Path, names: Sequence[str], target: Path) -> None:
    """Link files into another folder; those in archives are copied out of them."""
    target.mkdir(parents=True)
    for name, file in zip(names, photo_shards.files(images, names), strict=True):
        (target / name).parent.mkdir(exist_ok=True)
        if isinstance(file, Path):
            link(file.resolve(), target / name)
        else:
            write_bytes(target / name, file.read_bytes())
