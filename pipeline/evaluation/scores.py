"""Scores of out-of-fold class probabilities, with tables and a plot of what is predicted as what."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.ensembling import fitting
from pipeline.evaluation import plots
from pipeline.formats import tables
from pipeline.schema import metrics
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes


def write(results: Path, blocks: Iterable[tuple[pd.DataFrame, Table]]) -> dict[str, float]:
    """Write the tables and plots of out-of-fold predictions, which are never in memory all at once.

    out_of_fold.parquet has a row for each photo, classes.csv for each class, errors.csv for each set of wrong
    attributes; confusion.csv has the names of the true and the predicted class of photos, of very many a random choice
    (`fitting.rows`), and confusion.png the matrices.

    Args:
        results: Folder to write to.
        blocks: Labelled photos (k) and their class probabilities (k, classes), block by block.

    Returns:
        The number of photos, and macro F1 and accuracy of all classes and of each attribute.
    """
    codes: list[npt.NDArray[np.uint16]] = []

    def rows() -> Iterator[pd.DataFrame]:
        for photos, probabilities in blocks:
            targets, predicted = SCHEMA.codes(photos), probabilities.argmax(axis=1)
            codes.append(np.stack([targets, predicted]).astype(np.uint16))
            table = pd.DataFrame(probabilities.astype(np.float32), photos.index, columns=SCHEMA.class_names)
            table.insert(0, "path", photos["path"])
            table.insert(1, "target", targets)
            table.insert(2, "prediction", predicted)
            yield table

    tables.write_parts(rows(), results / "out_of_fold.parquet")
    targets, predicted = np.concatenate(codes, axis=1).astype(np.int64)
    tables.write(_classes(metrics.confusion(targets, predicted)), results / "classes.csv")
    tables.write(_errors(targets, predicted), results / "errors.csv")
    shown, names = fitting.rows(len(targets)), np.array(SCHEMA.class_names)
    pairs = {"actual": names[targets[shown]], "predicted": names[predicted[shown]]}
    tables.write(pd.DataFrame(pairs), results / "confusion.csv")
    scores = {"photos": len(targets), **metrics.score(targets, predicted)}
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
