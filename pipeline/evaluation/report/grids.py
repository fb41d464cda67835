"""The report's tables, headings and cells of text; and those of data and crops."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.evaluation.report.sources import Sources
from pipeline.schema.labels import AGES, ATTRIBUTES, CLASSES, GENDERS, label_codes, names


class Grid(NamedTuple):
    """A table; cells of the first column are names, the others numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float, digits: int = 3) -> str:
    """A number as people read it; what is not known is a dash."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def classes(sources: Sources) -> Grid:
    """Labelled people and photos of each class, by fold."""
    codes = label_codes(sources.labelled, tuple(ATTRIBUTES))
    folds = sources.labelled["fold"].to_numpy()
    counts = np.stack([np.bincount(codes[folds == fold], minlength=CLASSES) for fold in np.unique(folds)], axis=1)
    columns = [*(f"fold {fold}" for fold in np.unique(folds)), "all", "share"]
    rows = [
        [name, *(f"{count:,}" for count in row), f"{row.sum():,}", f"{row.sum() / len(codes):.1%}"]
        for name, row in zip(names(), counts, strict=True)
    ]
    total = ["all", *(f"{count:,}" for count in counts.sum(axis=0)), f"{counts.sum():,}", "100.0%"]
    return Grid(["photos", *columns], [*rows, total])


def people(sources: Sources) -> Grid:
    """Labelled people by gender and age band."""
    persons = sources.labelled.drop_duplicates("person")
    cells = np.bincount(label_codes(persons, ("gender", "age")), minlength=len(GENDERS) * len(AGES))
    counts = cells.reshape(len(GENDERS), len(AGES))
    rows = [
        [name, *(f"{count:,} ({count / cells.sum():.1%})" for count in (*row, row.sum()))]
        for name, row in zip((*GENDERS, "all"), (*counts, counts.sum(axis=0)), strict=True)
    ]
    return Grid(["people", *AGES, "all"], rows)


def crops(sources: Sources) -> Grid:
    """How the photos of each split were cut."""
    kinds = [
        kind
        for kind in ("face", "center", "whole")
        if any((cut["source"] == kind).any() for cut in sources.cut.values())
    ]
    rows = [
        [split, f"{len(cut):,}", *(f"{(cut['source'] == kind).sum():,}" for kind in kinds)]
        for split, cut in sources.cut.items()
    ]
    centre = "no face found: centre" if "face" in kinds else "cut in the middle"
    words = {"face": "cut around the face", "center": centre, "whole": "not cut"}
    return Grid(["split", "photos", *(words[kind] for kind in kinds)], rows)
