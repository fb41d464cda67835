"""Registered models as what answers photos: made of a folder, and loaded with the code that they bring."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pipeline.registry.versions import EVIDENCE, Version, client, read
from pipeline.tracking import store

PACKAGE = Path(__file__).parents[1]
LOADER = f"{PACKAGE.name}.registry.serving"
REQUIREMENTS = (
    "albumentations",
    "facenet-pytorch",
    "lightning-fabric",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pydantic",
    "rich",
    "ruamel-yaml",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
)
"""What the code imports that answers photos; their versions are those that it was made with."""


def register(
    name: str, package: Path, evidence: Path, example: Any, answers: Any, facts: Mapping[str, Any], card: str
) -> Version:
    """Make a version of a folder that `pipeline.registry.serving` answers by, with its code, evidence and card.

    `example` is a table of photos and `answers` what the model says of it; `facts` become tags of the version
    and, if numbers, metrics of the run that registers.
    """
    import mlflow

    tags = {key: f"{value:.4f}" if isinstance(value, float) else str(value) for key, value in facts.items()}
    experiment = store.experiment_id(client(), store.experiment())
    with mlflow.start_run(None, experiment, f"register {name}", tags={"stage": "register"}), _quiet():
        mlflow.log_metrics({key: value for key, value in facts.items() if isinstance(value, float)})
        mlflow.log_artifacts(str(evidence), EVIDENCE)
        logged = mlflow.pyfunc.log_model(
            name=name,
            loader_module=LOADER,
            data_path=str(package),
            code_paths=[str(PACKAGE)],
            signature=_signature(answers),
            input_example=example,
            pip_requirements=[f"{each}=={installed(each)}" for each in REQUIREMENTS],
        )
    _make_sure_of(name)
    made = client().create_model_version(
        name, logged.model_uri, logged.run_id, tags, description=card, model_id=logged.model_id
    )
    return read(name, made.version)


def load(uri: str) -> Any:
    """A model that answers photos, by the code that it was registered with, whatever code is here."""
    import mlflow

    client()
    with _own_code(), _quiet():
        return mlflow.pyfunc.load_model(uri, suppress_warnings=True)


@contextmanager
def _own_code() -> Iterator[None]:
    """Forget this package for as long as a model is loaded that brings its own, and come back to it afterwards."""
    path, ours = list(sys.path), _package()
    for name in ours:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in _package():
            del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:] = path


def _package() -> dict[str, Any]:
    """The modules of this package that are loaded; errors are everybody's, so that they are caught."""
    shared = f"{PACKAGE.name}.foundation.errors"
    return {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] == PACKAGE.name and name != shared
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what MLflow says of every model: hints on types, and warnings that are no user's to mend."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _signature(answers: Any) -> Any:
    """Photos of any form, which only `Any` allows for, to a table of answers."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import Schema

    photos = Schema.from_json('[{"type": "any", "required": true}]')
    return ModelSignature(inputs=photos, outputs=infer_signature(answers).inputs)


def _make_sure_of(name: str) -> None:
    """Make a model without versions, unless it is there."""
    from mlflow.exceptions import MlflowException

    try:
        client().create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
