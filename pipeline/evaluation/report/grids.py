"""The report's tables, headings and cells of text; and those of data and crops."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.evaluation.report.sources import Sources
from pipeline.schema.schema import AGE, GENDER, SCHEMA


class Grid(NamedTuple):
    """A table; cells of the first column are names, the others numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float, digits: int = 3) -> str:
    """A number as people read it; what is not known is a dash."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def classes(sources: Sources) -> Grid:
    """Labelled people and photos of each class, by fold."""
    codes = SCHEMA.codes(sources.labelled)
    folds = sources.labelled["fold"].to_numpy()
    counts = np.stack(
        [np.bincount(codes[folds == fold], minlength=SCHEMA.classes) for fold in np.unique(folds)], axis=1
    )
    columns = [*(f"fold {fold}" for fold in np.unique(folds)), "all", "share"]
    rows = [
        [name, *(f"{count:,}" for count in row), f"{row.sum():,}", f"{row.sum() / len(codes):.1%}"]
        for name, row in zip(SCHEMA.class_names, counts, strict=True)
    ]
    total = ["all", *(f"{count:,}" for count in counts.sum(axis=0)), f"{counts.sum():,}", "100.0%"]
    return Grid(["photos", *columns], [*rows, total])


def people(sources: Sources) -> Grid:
    """Labelled people by gender and age band."""
    persons = sources.labelled.drop_duplicates("person")
    codes = SCHEMA.head("gender x age").codes(persons)
    counts = np.bincount(codes, minlength=len(GENDER.values) * len(AGE.values)).reshape(-1, len(AGE.values))
    rows = [
        [name, *(f"{count:,} ({count / counts.sum():.1%})" for count in (*row, row.sum()))]
        for name, row in zip((*GENDER.values, "all"), (*counts, counts.sum(axis=0)), strict=True)
    ]
    return Grid(["people", *AGE.values, "all"], rows)


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
