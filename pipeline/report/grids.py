"""The report's tables: headings and cells of text, ready to be shown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import metrics, targets
from pipeline.compare.bootstrap import interval
from pipeline.labels import AGES, ATTRIBUTES, CLASSES, GENDERS, Codes, decode, names
from pipeline.report.sources import Sources

Mask = npt.NDArray[np.bool_]
WHOLE = "18 classes"


class Grid(NamedTuple):
    """A table; cells of the first column are names, the others numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float, digits: int = 3) -> str:
    """A number as people read it; what is not known is a dash."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def classes(sources: Sources) -> Grid:
    """Labelled people and pictures of each class, by fold."""
    codes = targets.codes(sources.labelled, tuple(ATTRIBUTES))
    folds = sources.labelled["fold"].to_numpy()
    counts = np.stack([np.bincount(codes[folds == fold], minlength=CLASSES) for fold in np.unique(folds)], axis=1)
    columns = [*(f"fold {fold}" for fold in np.unique(folds)), "all", "share"]
    rows = [
        [name, *(f"{count:,}" for count in row), f"{row.sum():,}", f"{row.sum() / len(codes):.1%}"]
        for name, row in zip(names(), counts, strict=True)
    ]
    total = ["all", *(f"{count:,}" for count in counts.sum(axis=0)), f"{counts.sum():,}", "100.0%"]
    return Grid(["pictures", *columns], [*rows, total])


def people(sources: Sources) -> Grid:
    """Labelled people by gender and age band."""
    persons = sources.labelled.drop_duplicates("person")
    cells = np.bincount(targets.codes(persons, ("gender", "age")), minlength=len(GENDERS) * len(AGES))
    counts = cells.reshape(len(GENDERS), len(AGES))
    rows = [
        [name, *(f"{count:,} ({count / cells.sum():.1%})" for count in (*row, row.sum()))]
        for name, row in zip((*GENDERS, "all"), (*counts, counts.sum(axis=0)), strict=True)
    ]
    return Grid(["people", *AGES, "all"], rows)


def crops(sources: Sources) -> Grid:
    """How the pictures of each split were cut."""
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
    return Grid(["split", "pictures", *(words[kind] for kind in kinds)], rows)


def scores(sources: Sources) -> Grid:
    """Out-of-fold scores over all 18 classes with an interval, and of each attribute and fold."""
    folds = sources.pictures["fold"].to_numpy()
    rows = [[WHOLE, number(sources.scores["macro_f1"]), _range(bounds(sources)), number(sources.scores["accuracy"])]]
    for attribute in ATTRIBUTES:
        found = (sources.scores[f"{attribute}_{score}"] for score in ("macro_f1", "accuracy"))
        f1, right = map(number, found)
        rows.append([attribute, f1, _range(bounds(sources, attribute)), right])
    for fold in np.unique(folds):
        own = folds == fold
        found_in = metrics.score(sources.true[own], sources.predicted[own])
        rows.append([f"fold {fold}: {WHOLE}", number(found_in["macro_f1"]), "", number(found_in["accuracy"])])
    return Grid(["out of fold", "macro F1", "95 % of redrawn people", "accuracy"], rows)


def bounds(sources: Sources, attribute: str | None = None) -> tuple[float, float]:
    """The interval of macro F1, over all classes or of an attribute, when people are redrawn."""
    return interval(list(sources.pictures["person"]), sources.true, sources.predicted, attribute)


def by_class(sources: Sources) -> Grid:
    """Pictures, precision, recall and F1 of each class."""
    counts = metrics.confusion(sources.true, sources.predicted)
    columns = (metrics.precision(counts), metrics.recall(counts), metrics.f1(counts))
    rows = [
        [name, f"{support:,}", *map(number, values)]
        for name, support, values in zip(names(), counts.sum(axis=1), zip(*columns, strict=True), strict=True)
    ]
    return Grid(["class", "pictures", "precision", "recall", "F1"], rows)


def errors(sources: Sources) -> Grid:
    """Pictures by the attributes that are wrong together."""
    rows = sources.results["errors"].itertuples(index=False, name=None)
    cells = [[wrong.replace(",", " and "), f"{count:,}", f"{share:.1%}"] for wrong, count, share in rows]
    return Grid(["wrong in", "pictures", "share"], cells)


def slices(sources: Sources) -> Grid:
    """Accuracy of each attribute, and of all at once, in slices: gender by age band, and mask."""
    right = [one == other for one, other in zip(decode(sources.true), decode(sources.predicted), strict=True)]
    table = [*right, np.logical_and.reduce(right)]
    rows = [
        [name, f"{own.sum():,}", *(number(float(column[own].mean())) for column in table)]
        for name, own in _slices(sources.true)
        if own.any()
    ]
    return Grid(["labelled as", "pictures", *(f"{name} right" for name in ATTRIBUTES), "all right"], rows)


def calibration(sources: Sources) -> Grid:
    """Temperature and expected calibration error of every head."""
    columns = ["temperature", "calibration_error_before", "calibration_error_after"]
    rows = [
        [f"{row['model']}: {row['head']}", *(number(row[column]) for column in columns)]
        for row in sources.results["calibration"].to_dict("records")
    ]
    return Grid(["head", "temperature", "calibration error before", "after"], rows)


def shift(sources: Sources) -> Grid:
    """For each attribute, whether its mix in eval differs from train's."""
    first = sources.results["shift"].drop_duplicates("of").to_dict("records")
    rows = [[str(row["of"]), f"{row['p_value']:.2g}", _verdict(row["refused"])] for row in first]
    return Grid(["mix of", "p", "estimate"], rows)


def adjustments(sources: Sources) -> Grid:
    """What adapting and offsets change in the submission, taken or not."""
    words = {"adapt": "adapt to eval's mix", "offsets": "offsets of the classes"}
    rows = [
        [
            words.get(str(row["choice"]), str(row["choice"])),
            "yes" if row["taken"] else "no",
            f"{row['pictures']:,}",
            *(f"{row[name]:,}" for name in ATTRIBUTES),
            number(row["macro_f1_before"]),
            number(row["macro_f1_after"]),
        ]
        for row in sources.results["adjustments"].to_dict("records")
    ]
    changed = [f"in {name}" for name in ATTRIBUTES]
    return Grid(["choice", "taken", "changed answers", *changed, "macro F1 before", "after"], rows)


def systems(sources: Sources) -> Grid:
    """The systems that vote, with their own scores."""
    rows = [
        [
            f"{row['system']} ({row['predicts']})",
            *(number(row[column]) for column in ("macro_f1", "accuracy", "weight")),
        ]
        for row in sources.results["systems"].to_dict("records")
    ]
    return Grid(["system", "macro F1", "accuracy", "weight"], rows)


def _range(bounds: tuple[float, float]) -> str:
    return "{:.3f} to {:.3f}".format(*bounds)


def _verdict(refused: object) -> str:
    return f"not followed: {refused}" if isinstance(refused, str) and refused else "may be followed"


def _slices(codes: Codes) -> Iterator[tuple[str, Mask]]:
    mask, gender, age = decode(codes)
    for first, name in enumerate(GENDERS):
        for second, band in enumerate(AGES):
            yield f"{name} {band}", (gender == first) & (age == second)
    yield from _values(ATTRIBUTES["mask"], mask)


def _values(values: Iterable[str], codes: Codes) -> Iterator[tuple[str, Mask]]:
    for code, name in enumerate(values):
        yield name, codes == code
