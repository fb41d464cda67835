"""Scores of out-of-fold class probabilities, with tables and a plot of what is predicted as what."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.evaluation import plots
from pipeline.formats import tables
from pipeline.schema import metrics
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes


def write(results: Path, photos: pd.DataFrame, probabilities: Table) -> dict[str, float]:
    """Write the tables and plots of out-of-fold predictions.

    out_of_fold.parquet has a row for each photo, classes.csv for each class, errors.csv for each set of wrong
    attributes; confusion.csv has the names of every photo's true and predicted class, confusion.png the matrices.

    Args:
        results: Folder to write to.
        photos: Labelled photos (n).
        probabilities: Their class probabilities (n, classes).

    Returns:
        The number of photos, and macro F1 and accuracy of all classes and of each attribute.
    """
    targets, predicted = SCHEMA.codes(photos), probabilities.argmax(axis=1)
    predictions = pd.DataFrame({"path": photos["path"], "target": targets, "prediction": predicted})
    by_class = pd.DataFrame(probabilities.astype(np.float32), columns=SCHEMA.class_names)
    tables.write(pd.concat([predictions, by_class], axis=1), results / "out_of_fold.parquet")
    tables.write(_classes(metrics.confusion(targets, predicted)), results / "classes.csv")
    tables.write(_errors(targets, predicted), results / "errors.csv")
    names = np.array(SCHEMA.class_names)
    tables.write(pd.DataFrame({"actual": names[targets], "predicted": names[predicted]}), results / "confusion.csv")
    scores = {"photos": len(photos), **metrics.score(targets, predicted)}
    title = "Out-of-fold, {photos} photos: macro F1 {macro_f1:.3f}, accuracy {accuracy:.3f}".format(**scores)
    plots.save(plots.confusion_matrices(targets, predicted, title), results / "confusion.png")
    return scores


def _classes(counts: Codes) -> pd.DataFrame:
    columns = {"precision": metrics.precision, "recall": metrics.recall, "f1": metrics.f1}
    scores = {name: score(counts) for name, score in columns.items()}
    return pd.DataFrame({"class": SCHEMA.class_names, "support": counts.sum(axis=1), **scores})


def _errors(targets: Codes, predicted: Codes) -> pd.DataFrame:
    counts = pd.Series(metrics.errors(targets, predicted))
    return pd.DataFrame({"wrong": counts.index, "photos": counts, "share": counts / max(len(targets), 1)})
