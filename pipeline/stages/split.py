"""Stage split: folds in which every class has its share, and in which no person stands on both sides."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.config import Split
from pipeline.evaluation import plots
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.schema import label_table
from pipeline.schema.schema import SCHEMA, Codes

LEAK = "WARNING: split.by is photo: the same person stands on both sides of a fold; the scores flatter. Never submit."


def split(labels: Path, folds: Path, classes: Path, plot: Path, params: Split) -> None:
    """Write the fold 0..k-1 of every train photo, and how many photos of each class a fold has (table, plot).

    Raises `InputError` that names the classes that a fold would lack.
    """
    table = label_table.read(labels)
    table["fold"] = _by_person(table, params) if params.by == "person" else _by_picture(table, params)
    counts = count(SCHEMA.codes(table), table["fold"].to_numpy(), params.folds)
    _check(counts)
    tables.write(table[list(tables.FOLDS)], folds)
    columns = {f"fold {fold}": counts[:, fold] for fold in range(params.folds)}
    tables.write(pd.DataFrame({"class": SCHEMA.class_names, **columns, "all": counts.sum(axis=1)}), classes)
    plots.save(plots.classes_per_fold(counts), plot)


def assign(cells: npt.ArrayLike, folds: int, seed: int) -> Codes:
    """Fold 0..k-1 of each unit: shuffled, sorted by cell and assigned like cards.

    So the folds' shares of every cell, and of the whole, differ by one unit at most.
    """
    cells = np.asarray(cells)
    shuffled = np.random.default_rng(seed).permutation(len(cells))
    order = shuffled[np.argsort(cells[shuffled], kind="stable")]
    assigned = np.empty(len(cells), dtype=np.int64)
    assigned[order] = np.arange(len(cells)) % folds
    return assigned


def count(codes: Codes, fold: Codes, folds: int) -> Codes:
    """Photos (18, folds) of each class in each fold."""
    return np.bincount(codes * folds + fold, minlength=SCHEMA.classes * folds).reshape(SCHEMA.classes, folds)


def _by_person(table: pd.DataFrame, params: Split) -> "pd.Series[int]":
    people = table.drop_duplicates("person").sort_values("person")
    assigned = assign(SCHEMA.people.codes(people), params.folds, params.seed)
    return table["person"].map(dict(zip(people["person"], assigned, strict=True)))


def _by_picture(table: pd.DataFrame, params: Split) -> Codes:
    print(LEAK, file=sys.stderr)
    return assign(SCHEMA.codes(table), params.folds, params.seed)


def _check(counts: Codes) -> None:
    """A class without any photo is said aloud; one that only some folds lack is an error."""
    for name, total in zip(SCHEMA.class_names, counts.sum(axis=1), strict=True):
        if total == 0:
            print(f"WARNING: no train photo is '{name}': no model can learn it", file=sys.stderr)
    faults = [
        f"fold {fold} has no photo of '{SCHEMA.class_names[code]}' ({counts[code].sum()} in all)"
        for code, fold in np.argwhere(counts == 0)
        if counts[code].any()
    ]
    fewer = f"set split.folds below {folds}, or " if (folds := counts.shape[1]) > 2 else ""
    raise_faults(f"classes absent from a fold; {fewer}bring more people", faults)
