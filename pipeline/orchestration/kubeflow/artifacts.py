"""Output artifacts on Kubeflow's pages: the outs of a stage as scalars, matrices, pages, models and files."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from kfp import dsl

from pipeline import pages, tracking
from pipeline.formats import tables
from pipeline.formats.documents import read_numbers
from pipeline.foundation.hashes import sha256
from pipeline.modeling.members import WEIGHTS
from pipeline.orchestration.graph import Stage

IMAGES = {".jpg": "jpeg", ".png": "png"}
MOST_IMAGES = 12
MOST_ROWS = 100
LARGEST_TABLE = 64_000  # bytes
REMEDY = "run the stage again"
SHORT = "{:.4g}".format


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
    table = tables.read(root / _out(stage, "confusion.csv"), {"actual": "text", "predicted": "text"})
    categories = sorted({*table["actual"], *table["predicted"]})
    counts = pd.crosstab(table["actual"], table["predicted"]).reindex(categories, columns=categories, fill_value=0)
    artifact.log_confusion_matrix(categories, counts.to_numpy().tolist())


def _page(artifact: dsl.HTML, root: Path, stage: Stage) -> None:
    """The HTML page among the outs; without one, a page of their images and short tables."""
    for out in stage.outs:
        if Path(out).suffix == ".html":
            shutil.copy(root / out, artifact.path)
            return
    template = pages.templates(Path(__file__).parent).get_template("artifacts.html")
    page = template.render(title=stage.name, parts=list(_parts(root, stage)))
    Path(artifact.path).write_text(page, encoding="utf-8")


def _model(artifact: dsl.Model, root: Path, stage: Stage) -> None:
    """The SHA-256 digest of the weights, and the MLflow run of their training."""
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
    for path in filter(Path.exists, _files(root, stage)):  # those of `read_by`, where the stage did not run here
        name = path.relative_to(root).as_posix()
        if path.suffix in IMAGES:
            yield {"name": name, "image": pages.source(path.read_bytes(), IMAGES[path.suffix])}
        elif _is_short(path) and len(table := tables.infer(path)) <= MOST_ROWS:
            rows = [
                [SHORT(cell) if isinstance(cell, float) else cell for cell in row] for row in table.to_numpy(object)
            ]
            yield {"name": name, "image": "", "columns": list(table.columns), "rows": rows}


def _is_short(path: Path) -> bool:
    return path.suffix == ".csv" and path.stat().st_size <= LARGEST_TABLE


def _files(root: Path, stage: Stage) -> Iterator[Path]:
    """The files among the outs, and the first images of each folder."""
    for path in (root / out for out in stage.outs):
        if path.is_dir():
            yield from [each for each in sorted(path.rglob("*")) if each.suffix in IMAGES][:MOST_IMAGES]
        else:
            yield path
