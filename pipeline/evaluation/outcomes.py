"""The outcome of out-of-fold predictions: scores, tables and the picture of the confusion; and of the trainings."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.evaluation import plots
from pipeline.formats import tables
from pipeline.modeling.members import Member
from pipeline.schema import metrics
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes


def write(results: Path, photos: pd.DataFrame, probabilities: Table) -> dict[str, float]:
    """Write what is known about labelled photos (n) and their probabilities (n, 18); returns the scores.

    out_of_fold.csv has a row a picture, classes.csv a class, errors.csv a set of wrong attributes; confusion.csv
    holds the names of every picture's true and predicted class, confusion.png the matrices.
    """
    true, predicted = SCHEMA.codes(photos), probabilities.argmax(axis=1)
    answers = pd.DataFrame({"path": photos["path"], "target": true, "prediction": predicted})
    by_class = pd.DataFrame(probabilities, columns=SCHEMA.class_names)
    tables.write(pd.concat([answers, by_class], axis=1), results / "out_of_fold.csv")
    tables.write(_classes(metrics.confusion(true, predicted)), results / "classes.csv")
    tables.write(_errors(true, predicted), results / "errors.csv")
    readable = np.array(SCHEMA.class_names)
    tables.write(pd.DataFrame({"actual": readable[true], "predicted": readable[predicted]}), results / "confusion.csv")
    scores = {"photos": len(photos), **metrics.score(true, predicted)}
    title = "Out-of-fold, {photos} photos: macro F1 {macro_f1:.3f}, accuracy {accuracy:.3f}".format(**scores)
    plots.save(plots.confusion_matrices(true, predicted, title), results / "confusion.png")
    return scores


def write_epochs(results: Path, team: Iterable[Member]) -> None:
    """Write epochs.csv, the metrics by epoch of all members, and learning_curves.png."""
    histories: dict[str, dict[str, pd.DataFrame]] = {}
    for member in team:
        histories.setdefault(member.model, {})[member.name] = pd.read_csv(member.epochs)
    tables.write(epochs(histories), results / "epochs.csv")
    plots.save(plots.learning_curves(histories), results / "learning_curves.png")


def epochs(histories: Mapping[str, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    """Metrics by epoch of all trainings as one table: `model`, the training's name as `member`, and their columns."""
    named = [
        history.assign(model=model, member=member)
        for model, trainings in histories.items()
        for member, history in trainings.items()
    ]
    table = pd.concat(named, ignore_index=True)
    return table[["model", "member", *table.columns.drop(["model", "member"])]]


def _classes(counts: Codes) -> pd.DataFrame:
    columns = {"precision": metrics.precision, "recall": metrics.recall, "f1": metrics.f1}
    scores = {name: score(counts) for name, score in columns.items()}
    return pd.DataFrame({"class": SCHEMA.class_names, "support": counts.sum(axis=1), **scores})


def _errors(true: Codes, predicted: Codes) -> pd.DataFrame:
    counts = pd.Series(metrics.errors(true, predicted))
    return pd.DataFrame({"wrong": counts.index, "photos": counts, "share": counts / max(len(true), 1)})
