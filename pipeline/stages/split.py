"""Stage split: folds in which every class has its share, and in which no person stands on both sides."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset import assignment, same_people
from pipeline.dataset.config import Split
from pipeline.evaluation import plots
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.terminal import warn
from pipeline.schema import label_table
from pipeline.schema.schema import SCHEMA, Codes

LEAK = "split.by is photo: people stand on both sides of a fold and scores are too high. Never submit."


def split(labels: Path, fixes: Path, folds: Path, classes: Path, plot: Path, params: Split) -> None:
    """Assign people to folds.

    Args:
        labels: Table of labels, a row per train photo.
        fixes: Folder of the files that `params.same_people` names.
        folds: Output: table of the fold of every train photo, and of its person under one name for all their folders.
            With `params.validation` fold 0 is held out.
        classes: Output: table of the photos of each class in each fold.
        plot: Output: the same as a plot.
        params: The section `split` of params.yaml.

    Raises:
        InputError: When a fold would lack a class that others have, or a file of `params.same_people` has faults.
    """
    table = label_table.read(labels)
    people = sorted(set(table["person"]))
    name_of = same_people.groups(people, same_people.read(fixes, params.same_people, people))
    table["folder"], table["person"] = table["person"], table["person"].map(name_of)
    if params.by == "photo":
        warn(LEAK)
        table["fold"] = assign(SCHEMA.codes(table), params)
    else:
        table["fold"] = _by_person(table, params)
    counts = _count(table, params.folds if params.validation is None else 2)
    _check(counts)
    tables.write(table[list(tables.FOLDS)], folds)
    columns = {f"fold {fold}": counts[:, fold] for fold in range(counts.shape[1])}
    tables.write(pd.DataFrame({"class": SCHEMA.class_names, **columns, "all": counts.sum(axis=1)}), classes)
    plots.save(plots.classes_per_fold(counts), plot)


def assign(cells: Codes, params: Split) -> Codes:
    """Fold (n,) of each unit, given the cell of each (n,); with a validation share those of fold 0 are held out."""
    if params.validation is None:
        return assignment.to_folds(cells, params.folds, params.seed)
    return np.where(assignment.held_out(cells, params.validation, params.seed), 0, 1)


def _by_person(table: pd.DataFrame, params: Split) -> "pd.Series[int]":
    """Fold (n,) of the person of each photo; a person of several folders counts as the rarest of their cells."""
    folders = table.drop_duplicates("folder")
    folders = folders.assign(cell=SCHEMA.people.codes(folders))
    folders["alike"] = folders["cell"].map(folders["cell"].value_counts())
    people = folders.sort_values(["person", "alike", "folder"]).drop_duplicates("person")
    assigned = dict(zip(people["person"], assign(people["cell"].to_numpy(np.int64), params), strict=True))
    return table["person"].map(assigned)


def _count(table: pd.DataFrame, folds: int) -> Codes:
    """Photos (classes, folds) of each class in each fold."""
    cells = SCHEMA.codes(table) * folds + table["fold"].to_numpy()
    return np.bincount(cells, minlength=SCHEMA.classes * folds).reshape(SCHEMA.classes, folds)


def _check(counts: Codes) -> None:
    """Warn of classes without any photo; raise `InputError` that names those that only some folds lack."""
    for name, total in zip(SCHEMA.class_names, counts.sum(axis=1), strict=True):
        if total == 0:
            warn(f"no train photo is '{name}': no model can learn it")
    faults = [
        f"fold {fold} has no photo of '{SCHEMA.class_names[code]}' ({counts[code].sum()} in all)"
        for code, fold in np.argwhere(counts == 0)
        if counts[code].any()
    ]
    fewer = f"set split.folds below {folds}, or " if (folds := counts.shape[1]) > 2 else ""
    raise_faults(f"classes absent from a fold; {fewer}bring more people", faults)
