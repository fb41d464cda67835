"""The report's tables, as headings and cells of text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ensembling.label_shift import SIGNIFICANCE
from pipeline.ensembling.submissions import ALL_CLASSES
from pipeline.evaluation import training_history
from pipeline.evaluation.report.sources import Sources
from pipeline.faces.doubts import doubts
from pipeline.schema import metrics
from pipeline.schema.bootstrap import interval
from pipeline.schema.schema import SCHEMA, Codes

Mask = npt.NDArray[np.bool_]


class TextTable(NamedTuple):
    """A table of text; the first column holds names, the others numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float, digits: int = 3) -> str:
    """A number with thousands separators; a dash for NaN."""
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def classes(sources: Sources) -> TextTable:
    """Labelled photos of each class, by fold."""
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
    return TextTable(["photos", *columns], [*rows, total])


def people(sources: Sources) -> TextTable:
    """Labelled people by the attributes of a person: a row for each value of the first, a column of the last."""
    schema = SCHEMA.people
    persons = schema.codes(sources.labelled.drop_duplicates("person"))
    counts = np.bincount(persons, minlength=schema.classes).reshape(-1, schema.shape[-1])
    last = schema.attributes[-1].values
    names = [name.removesuffix(f" {last[0]}") for name in schema.class_names[:: len(last)]]
    rows = [
        [name, *(f"{count:,} ({count / len(persons):.1%})" for count in (*row, row.sum()))]
        for name, row in zip((*names, "all"), (*counts, counts.sum(axis=0)), strict=True)
    ]
    return TextTable(["people", *last, "all"], rows)


def crops(sources: Sources) -> TextTable:
    """How the photos of each split were cropped, and how many have a doubtful subject."""
    whole = pd.concat(sources.crop_tables.values())
    found, reasons = whole["source"], doubts(whole)
    headings = {
        "face": "cropped to the face",
        "center": "no face found: centre crop" if (found == "face").any() else "centre crop",
        "whole": "not cropped",
    }
    kinds = [kind for kind in headings if (found == kind).any()]
    shown = [name for name in reasons if reasons[name].any()]
    rows = [
        [
            split,
            f"{len(table):,}",
            *(f"{(table['source'] == kind).sum():,}" for kind in kinds),
            *(f"{doubts(table)[name].sum():,}" for name in shown),
        ]
        for split, table in sources.crop_tables.items()
    ]
    return TextTable(["split", "photos", *(headings[kind] for kind in kinds), *map(str, shown)], rows)


def epochs(sources: Sources) -> TextTable:
    """Validation scores by epoch, all models side by side, as means over folds."""
    table = training_history.by_epoch(sources.tables["epochs"])
    rows = [[str(int(epoch)), *map(number, values)] for epoch, *values in table.itertuples(index=False, name=None)]
    return TextTable([str(name).replace("macro_f1", "macro F1") for name in table], rows)


def generalization(sources: Sources, model: str) -> TextTable:
    """A model's validation macro F1 and loss by epoch, the best so far and the gap, as means over folds."""
    table = training_history.generalization(sources.tables["epochs"], model)
    rows = [[str(int(epoch)), *map(number, values)] for epoch, *values in table.itertuples(index=False, name=None)]
    return TextTable(["epoch", "macro F1", "best so far", "gap", "loss", "best so far", "gap"], rows)


def scores(sources: Sources) -> TextTable:
    """Out-of-fold scores of all classes with an interval, of each attribute, and of each fold."""
    folds = sources.photos["fold"].to_numpy()
    rows = [
        [ALL_CLASSES, number(sources.scores["macro_f1"]), _range(bounds(sources)), number(sources.scores["accuracy"])]
    ]
    for name in SCHEMA.names:
        macro_f1, accuracy = (number(sources.scores[f"{name}_{score}"]) for score in ("macro_f1", "accuracy"))
        rows.append([name, macro_f1, _range(bounds(sources, name)), accuracy])
    for fold in np.unique(folds):
        own = folds == fold
        of_fold = metrics.score(sources.targets[own], sources.predicted[own])
        rows.append([f"fold {fold}: {ALL_CLASSES}", number(of_fold["macro_f1"]), "", number(of_fold["accuracy"])])
    return TextTable(["out of fold", "macro F1", "95 % interval", "accuracy"], rows)


def bounds(sources: Sources, attribute: str | None = None) -> tuple[float, float]:
    """The 95 % bootstrap interval over people of macro F1, over all classes or of an attribute."""
    return interval(list(sources.photos["identity"]), sources.targets, sources.predicted, attribute)


def by_class(sources: Sources) -> TextTable:
    """Photos, precision, recall and F1 of each class."""
    counts = metrics.confusion(sources.targets, sources.predicted)
    columns = (metrics.precision(counts), metrics.recall(counts), metrics.f1(counts))
    rows = [
        [name, f"{support:,}", *map(number, values)]
        for name, support, values in zip(
            SCHEMA.class_names, counts.sum(axis=1), zip(*columns, strict=True), strict=True
        )
    ]
    return TextTable(["class", "photos", "precision", "recall", "F1"], rows)


def errors(sources: Sources) -> TextTable:
    """Photos by the attributes that are wrong together."""
    cells = [
        ["nothing" if wrong == "right" else wrong.replace(",", " and "), f"{count:,}", f"{share:.1%}"]
        for wrong, count, share in sources.tables["errors"].itertuples(index=False, name=None)
    ]
    return TextTable(["wrong in", "photos", "share"], cells)


def slices(sources: Sources) -> TextTable:
    """Accuracy of each attribute and of the class, by the attributes of a person and by each other attribute."""
    targets, predicted = SCHEMA.decode(sources.targets), SCHEMA.decode(sources.predicted)
    correct = [targets[name] == predicted[name] for name in SCHEMA.names]
    columns = [*correct, np.logical_and.reduce(correct)]
    rows = [
        [name, f"{own.sum():,}", *(number(float(column[own].mean())) for column in columns)]
        for name, own in _slices(targets)
        if own.any()
    ]
    return TextTable(["labelled as", "photos", *(f"{name} right" for name in SCHEMA.names), "all right"], rows)


def calibration(sources: Sources) -> TextTable:
    """Temperature and errors of every head, and whether the temperature helps."""
    columns = ["log_loss_before", "log_loss_after", "calibration_error_before", "calibration_error_after"]
    rows = [
        [
            head(row["model"], row["head"]),
            number(row["temperature"]),
            str(row["helps"]),
            *(number(row[column]) for column in columns),
        ]
        for row in sources.tables["calibration"].to_dict("records")
    ]
    headings = ["head", "temperature", "helps", "log loss before", "after", "calibration error before", "after"]
    return TextTable(headings, rows)


def label_shift(sources: Sources) -> TextTable:
    """Whether each attribute's shares in eval differ from train's."""
    first = sources.tables["label_shift"].drop_duplicates("of").to_dict("records")
    rows = [[str(row["of"]), f"{row['p_value']:.2g}", _verdict(row["refused"])] for row in first]
    return TextTable(["shares of", "p", "estimate"], rows)


def label_shift_verdict(sources: Sources) -> str:
    """What the tests and the estimates say about eval's shares of the attributes, in a sentence."""
    first = sources.tables["label_shift"].drop_duplicates("of").set_index("of").loc[list(SCHEMA.names)]
    differing = first.index[first["p_value"] < SIGNIFICANCE]
    if not len(differing):
        return "Eval's predictions show no sign of a label shift: each attribute is predicted as often as out of fold."
    accepted = [str(of) for of in differing if not _refusal(first["refused"][of])]
    found = f"Eval's predictions differ from the out-of-fold ones in {_listed(map(str, differing))}; "
    if not accepted:
        return f"{found}no estimate of its true shares is reliable enough for a correction."
    return f"{found}the estimated shares of {_listed(accepted)} are reliable enough for a correction."


def adjustments(sources: Sources) -> TextTable:
    """What the label-shift correction and the per-class bias change in the submission, taken or not."""
    names = {"label_shift": "label-shift correction", "class_bias": "per-class bias"}
    rows = [
        [
            names[str(row["choice"])],
            "yes" if row["taken"] else "no",
            f"{row['photos']:,}",
            *(f"{row[name]:,}" for name in SCHEMA.names),
            number(row["macro_f1_before"]),
            number(row["macro_f1_after"]),
        ]
        for row in sources.tables["adjustments"].to_dict("records")
    ]
    changed = [f"in {name}" for name in SCHEMA.names]
    return TextTable(["adjustment", "taken", "photos changed", *changed, "macro F1 before", "after"], rows)


def systems(sources: Sources) -> TextTable:
    """The systems that vote, with their own scores."""
    rows = [
        [
            f"{row['system']} ({row['predicts']})",
            *(number(row[column]) for column in ("macro_f1", "accuracy", "weight")),
        ]
        for row in sources.tables["systems"].to_dict("records")
    ]
    return TextTable(["system", "macro F1", "accuracy", "weight"], rows)


def _range(bounds: tuple[float, float]) -> str:
    return "{:.3f} to {:.3f}".format(*bounds)


def head(model: object, head: object) -> str:
    """The name of a model's head; a model that is named after its only head is named once."""
    return str(model) if model == head else f"{model}: {head}"


def _verdict(refused: object) -> str:
    return f"refused: {_refusal(refused)}" if _refusal(refused) else "accepted"


def _refusal(refused: object) -> str:
    return refused if isinstance(refused, str) else ""


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _slices(targets: dict[str, Codes]) -> Iterator[tuple[str, Mask]]:
    people = SCHEMA.people
    codes = people.encode(targets)
    for code, name in enumerate(people.class_names):
        yield name, codes == code
    for attribute in SCHEMA.attributes:
        if not attribute.of_person:
            for code, name in enumerate(attribute.values):
                yield name, targets[attribute.name] == code
