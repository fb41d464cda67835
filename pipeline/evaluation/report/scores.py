"""The report's tables of what came out: scores, errors, calibration, shift and what follows from it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.report.grids import Grid, number
from pipeline.evaluation.report.sources import Sources
from pipeline.schema import metrics
from pipeline.schema.bootstrap import interval
from pipeline.schema.schema import SCHEMA, Codes

Mask = npt.NDArray[np.bool_]
WHOLE = "18 classes"


def scores(sources: Sources) -> Grid:
    """Out-of-fold scores over all 18 classes with an interval, and of each attribute and fold."""
    folds = sources.photos["fold"].to_numpy()
    rows = [[WHOLE, number(sources.scores["macro_f1"]), _range(bounds(sources)), number(sources.scores["accuracy"])]]
    for attribute in SCHEMA.names:
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
    return interval(list(sources.photos["person"]), sources.true, sources.predicted, attribute)


def by_class(sources: Sources) -> Grid:
    """Photos, precision, recall and F1 of each class."""
    counts = metrics.confusion(sources.true, sources.predicted)
    columns = (metrics.precision(counts), metrics.recall(counts), metrics.f1(counts))
    rows = [
        [name, f"{support:,}", *map(number, values)]
        for name, support, values in zip(
            SCHEMA.class_names, counts.sum(axis=1), zip(*columns, strict=True), strict=True
        )
    ]
    return Grid(["class", "photos", "precision", "recall", "F1"], rows)


def errors(sources: Sources) -> Grid:
    """Photos by the attributes that are wrong together."""
    rows = sources.results["errors"].itertuples(index=False, name=None)
    cells = [[wrong.replace(",", " and "), f"{count:,}", f"{share:.1%}"] for wrong, count, share in rows]
    return Grid(["wrong in", "photos", "share"], cells)


def slices(sources: Sources) -> Grid:
    """Accuracy of each attribute, and of all at once, in slices: gender by age band, and mask."""
    true, predicted = SCHEMA.decode(sources.true), SCHEMA.decode(sources.predicted)
    right = [true[name] == predicted[name] for name in SCHEMA.names]
    table = [*right, np.logical_and.reduce(right)]
    rows = [
        [name, f"{own.sum():,}", *(number(float(column[own].mean())) for column in table)]
        for name, own in _slices(sources.true)
        if own.any()
    ]
    return Grid(["labelled as", "photos", *(f"{name} right" for name in SCHEMA.names), "all right"], rows)


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
    words = {"label_shift": "adapt to eval's mix", "class_bias": "per-class bias"}
    rows = [
        [
            words.get(str(row["choice"]), str(row["choice"])),
            "yes" if row["taken"] else "no",
            f"{row['photos']:,}",
            *(f"{row[name]:,}" for name in SCHEMA.names),
            number(row["macro_f1_before"]),
            number(row["macro_f1_after"]),
        ]
        for row in sources.results["adjustments"].to_dict("records")
    ]
    changed = [f"in {name}" for name in SCHEMA.names]
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
    """People by their class, and the photos of each value of an attribute that differs among a person's photos."""
    parts = SCHEMA.decode(codes)
    people = SCHEMA.people.encode(parts)
    for code, name in enumerate(SCHEMA.people.class_names):
        yield name, people == code
    for attribute in SCHEMA.attributes:
        if not attribute.of_person:
            for code, name in enumerate(attribute.values):
                yield name, parts[attribute.name] == code
