"""Output artifacts on Kubeflow's pages: the outs of a stage as scalars, matrices, pages, models and files.

A task whose stage is cached does little else, so that it imports no pandas, and MLflow and Jinja where they are used.
"""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from kfp import dsl

from pipeline.formats.documents import read_numbers, read_text
from pipeline.foundation.errors import InputError
from pipeline.foundation.hashes import sha256
from pipeline.modeling.members import WEIGHTS
from pipeline.orchestration.graph import Stage

IMAGES = {".jpg": "jpeg", ".png": "png"}
MOST_IMAGES = 12
MOST_ROWS = 100
LARGEST_TABLE = 64_000  # bytes
REMEDY = "run the stage again"
FRACTION = re.compile(r"-?\d+(\.\d+(e[-+]?\d+)?|e[-+]?\d+)")


def fill(artifact: Any, root: Path, stage: Stage) -> None:
    """Fill an output artifact, by its type, from the outs of a stage in a workspace."""
    FILL[type(artifact)](artifact, root, stage)


def read_by(shown: Sequence[Any], stage: Stage, sizes: Mapping[str, int | None]) -> set[str]:
    """The files of a stage's outs that output artifacts are filled from.

    Args:
        shown: The artifacts.
        stage: The stage.
        sizes: The bytes of all files of the outs, by path; None where they are not known.
    """
    found: set[str] = set()
    for artifact in shown:
        match artifact:
            case dsl.Metrics():
                found |= set(stage.metrics)
            case dsl.ClassificationMetrics():
                found.add(_out(stage, "confusion.csv"))
            case dsl.Model():
                found.add(_out(stage, WEIGHTS))
            case dsl.HTML():
                found |= _read_by_page(stage, sizes)
            case _:
                found.add(stage.outs[0])
    return found


def _read_by_page(stage: Stage, sizes: Mapping[str, int | None]) -> set[str]:
    if pages_of := {out for out in stage.outs if Path(out).suffix == ".html"}:
        return pages_of
    below = [sorted(path for path in sizes if path.startswith(f"{out}/")) for out in stage.outs]
    images = {path for folder in below for path in [one for one in folder if Path(one).suffix in IMAGES][:MOST_IMAGES]}
    short = {path for path in stage.outs if Path(path).suffix == ".csv" and (sizes.get(path) or 0) <= LARGEST_TABLE}
    return images | short | {path for path in stage.outs if Path(path).suffix in IMAGES}


def _scores(artifact: dsl.Metrics, root: Path, stage: Stage) -> None:
    """Every number of the stage's metrics files."""
    for path in stage.metrics:
        for name, value in read_numbers(root / path, REMEDY).items():
            artifact.log_metric(name, value)


def _confusion(artifact: dsl.ClassificationMetrics, root: Path, stage: Stage) -> None:
    """The confusion matrix of confusion.csv, which has one row per photo: its true and its predicted class."""
    path = root / _out(stage, "confusion.csv")
    header, *rows = _cells(path)
    if missing := {"actual", "predicted"} - set(header):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; {REMEDY}")
    actual, predicted = header.index("actual"), header.index("predicted")
    pairs = Counter((row[actual], row[predicted]) for row in rows)
    categories = sorted({name for pair in pairs for name in pair})
    counts = [[pairs[one, other] for other in categories] for one in categories]
    artifact.log_confusion_matrix(categories, counts)


def _page(artifact: dsl.HTML, root: Path, stage: Stage) -> None:
    """The HTML page among the outs; without one, a page of their images and short tables."""
    for out in stage.outs:
        if Path(out).suffix == ".html":
            shutil.copy(root / out, artifact.path)
            return
    from pipeline import pages

    template = pages.templates(Path(__file__).parent).get_template("artifacts.html")
    page = template.render(title=stage.name, parts=list(_parts(root, stage)))
    Path(artifact.path).write_text(page, encoding="utf-8")


def _model(artifact: dsl.Model, root: Path, stage: Stage) -> None:
    """The SHA-256 digest of the weights, and the MLflow run of their training."""
    from pipeline import tracking

    weights = root / _out(stage, WEIGHTS)
    content = sha256(weights)
    artifact.metadata |= {"sha256": content, "bytes": weights.stat().st_size}
    if run := tracking.producer_id(weights.stem, content):
        artifact.uri = f"runs:/{run}"


def _file(artifact: dsl.Dataset, root: Path, stage: Stage) -> None:
    """The stage's first out."""
    shutil.copy(root / stage.outs[0], artifact.path)


FILL: dict[Any, Callable[[Any, Path, Stage], None]] = {
    dsl.Metrics: _scores,
    dsl.ClassificationMetrics: _confusion,
    dsl.HTML: _page,
    dsl.Model: _model,
    dsl.Dataset: _file,
}


def _out(stage: Stage, name: str) -> str:
    return next(path for path in stage.outs if Path(path).name == name)


def _parts(root: Path, stage: Stage) -> Iterator[dict[str, Any]]:
    """The images and short tables among the outs, each with its name."""
    from pipeline import pages

    for path in filter(Path.exists, _files(root, stage)):  # those of `read_by`, where the stage did not run here
        name = path.relative_to(root).as_posix()
        if path.suffix in IMAGES:
            yield {"name": name, "image": pages.source(path.read_bytes(), IMAGES[path.suffix])}
        elif _is_short(path) and len(cells := _cells(path)) <= 1 + MOST_ROWS:
            header, *rows = cells
            yield {
                "name": name,
                "image": "",
                "columns": header,
                "rows": [[_short(cell) for cell in row] for row in rows],
            }


def _cells(path: Path) -> list[list[str]]:
    """The cells of a CSV file by row, its header first; raises `InputError` that names what cannot be read."""
    try:
        rows = [row for row in csv.reader(StringIO(read_text(path, REMEDY)), strict=True) if row]
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}; {REMEDY}") from None
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(f"{path}: not a table with a header and as many cells in every row; {REMEDY}")
    return rows


def _short(cell: str) -> str:
    """A cell, with four digits if it is a number with a fraction."""
    return f"{float(cell):.4g}" if FRACTION.fullmatch(cell) else cell


def _is_short(path: Path) -> bool:
    return path.suffix == ".csv" and path.stat().st_size <= LARGEST_TABLE


def _files(root: Path, stage: Stage) -> Iterator[Path]:
    """The files among the outs, and the first images of each folder."""
    for path in (root / out for out in stage.outs):
        if path.is_dir():
            yield from [each for each in sorted(path.rglob("*")) if each.suffix in IMAGES][:MOST_IMAGES]
        else:
            yield path
