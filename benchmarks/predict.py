"""A registered model: photos to a file of predictions, and single requests to the served model."""

import base64
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import mlflow
import pandas as pd
import requests  # type: ignore[import-untyped]
import torch

from benchmarks.photos import config, photos_of
from benchmarks.timing import Result, compare, timed
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.fitted_ensemble import FittedEnsemble
from pipeline.faces.config import Crop
from pipeline.faces.cropping import Cropper
from pipeline.formats import tables
from pipeline.formats.images import read
from pipeline.modeling import weights
from pipeline.modeling.config import TTA, WeightsMetadata
from pipeline.modeling.network import Network
from pipeline.registry.serving.classifier import CROP, ENSEMBLE_FILE, MEMBERS, TTA_BY_MEMBER, TTA_FILE, Classifier
from pipeline.schema.schema import SCHEMA
from tests.server.processes import free_port, listening

COUNT, REQUESTS, SIZE = 64, 60, 72
PACKAGE = Path(sys.modules[Classifier.__module__].__file__ or "").parents[1]


def measure(root: Path | None) -> list[Result]:
    paths = photos_of(root, COUNT)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    make_model(folder / "model")
    return [_throughput(paths, folder), _latency(paths, folder)]


def make_model(folder: Path) -> None:
    """Three untrained tiny members, packaged as in a registered ensemble."""
    for name in SCHEMA.names:
        model = config(heads={name: {}})
        path = folder / MEMBERS / f"{name}-0.safetensors"
        weights.save(path, Network(model).state_dict(), WeightsMetadata(model=name, fold=0, epoch=1, config=model))
    voters = {name: (f"{name}-0",) for name in SCHEMA.names}
    settings = Ensemble(systems=(SCHEMA.names,))
    FittedEnsemble(
        ensemble=settings,
        voters=voters,
        temperatures={},
        years_stds={},
        age_thresholds={},
        weights={SCHEMA.name: (1.0,)},
        prior_correction=None,
        class_bias=None,
    ).write(folder / ENSEMBLE_FILE)
    (folder / CROP).write_text(Crop(size=SIZE).model_dump_json())
    (folder / TTA_FILE).write_bytes(TTA_BY_MEMBER.dump_json({f"{name}-0": TTA(flip=True) for name in SCHEMA.names}))


def _throughput(paths: list[Path], folder: Path) -> Result:
    cropper = Cropper(Crop(size=SIZE))
    networks = {path.stem: weights.load(path)[0] for path in sorted((folder / "model" / MEMBERS).iterdir())}

    def reference() -> None:
        rows = [_answer(networks, cropper, path) for path in paths]
        pd.DataFrame(rows).to_csv(folder / "reference.csv", index=False)

    def ours() -> None:
        answers = Classifier(folder / "model").predict([str(path) for path in paths])
        tables.write(answers, folder / "ours.csv")

    return compare(f"predict, {len(paths)} photos to CSV, 3 models x (clean + flip)", "4", reference, ours, rounds=3)


def _answer(networks: dict[str, Network], cropper: Cropper, path: Path) -> dict[str, Any]:
    """Predict one photo with each model and TTA variant, each with its own decoding and cropping."""
    row: dict[str, Any] = {"path": path}
    for name, network in networks.items():
        for flip in (False, True):
            photo = torch.from_numpy(cropper([read(path)])[0].pixels.copy())[None]
            with torch.no_grad():
                (outputs,) = network(photo.flip(2) if flip else photo).values()
            row |= {f"{name}-{flip}-{number}": float(value) for number, value in enumerate(outputs.softmax(1)[0])}
    return row


def _latency(paths: list[Path], folder: Path) -> Result:
    texts = [base64.b64encode(path.read_bytes()).decode() for path in paths[:REQUESTS]]
    classifier = Classifier(folder / "model")
    with _served(folder) as address:

        def ask(text: str) -> None:
            requests.post(address, json={"inputs": [text]}, timeout=60).raise_for_status()

        ask(texts[0])
        classifier.predict(texts[:1])
        pairs = [(timed(lambda: classifier.predict([text]))[0], timed(lambda: ask(text))[0]) for text in texts]  # noqa: B023
    own, served = (list(times) for times in zip(*pairs, strict=True))
    late, alone = quantiles(served, n=20)[-1], quantiles(own, n=20)[-1]
    note = f"medians {median(served):.3f} s and, of the model alone, {median(own):.3f} s"
    work = f"p95 of {len(texts)} single requests to the served model"
    return Result(work, "over .67 (within 1.5 of the model alone)", late, alone, (alone / late,), note=note)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve the model of a folder by MLflow; yields the address."""
    mlflow.pyfunc.save_model(
        folder / "served",
        loader_module="pipeline.registry.serving",
        data_path=str(folder / "model"),
        code_paths=[str(PACKAGE)],
    )
    at = f"http://127.0.0.1:{(port := free_port())}"
    words = ["models", "serve", "-m", "served", "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with listening([sys.executable, "-m", "mlflow", *words], environment, folder / "server.log", f"{at}/ping"):
        yield f"{at}/invocations"
