"""The registry: versions of models made, found, loaded and pointed at by aliases."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.tracking import store

CHAMPION = "champion"
CHALLENGER = "challenger"
CONTENT = "content_sha256"
EVIDENCE = "evidence"
PACKAGE = Path(__file__).parents[1]
LOADER = f"{PACKAGE.name}.serving"
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
"""What the code imports that answers photographs; their versions are those that it was made with."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: int
    tags: Mapping[str, str]
    run_id: str
    created: datetime

    @property
    def uri(self) -> str:
        """What MLflow loads it by."""
        return f"models:/{self.name}/{self.number}"

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def versions(name: str) -> list[Version]:
    """All versions of a model, the oldest first; none when there is no such model."""
    found = _client().search_model_versions(f"name = '{name}'")
    return sorted((_version(one.name, one.version) for one in found), key=lambda one: one.number)


def find(uri: str) -> Version:
    """The version of `models:/mga@champion` or `models:/mga/3`; raises `InputError` when there is none."""
    name, alias, number = _parts(uri)
    found = pointed(name, alias) if alias else next((one for one in versions(name) if str(one.number) == number), None)
    if found is None:
        there = ", ".join(str(one.number) for one in versions(name)) or "none"
        raise InputError(f"{uri}: no such version in the registry {address()}; versions of {name}: {there}")
    return found


def pointed(name: str, alias: str) -> Version | None:
    """The version that an alias of a model points at."""
    aliases = _aliases(name)
    return _version(name, aliases[alias]) if alias in aliases else None


def point(name: str, alias: str, version: Version | None) -> None:
    """Let an alias point at a version, or at none."""
    if version is None:
        _client().delete_registered_model_alias(name, alias)
    else:
        _client().set_registered_model_alias(name, alias, str(version.number))


def notes(name: str) -> dict[str, str]:
    """The tags of a model as a whole; raises `InputError` when there is no such model."""
    from mlflow.exceptions import MlflowException

    try:
        return dict(_client().get_registered_model(name).tags)
    except MlflowException as error:
        raise InputError(f"{name}: no such model in the registry {address()} ({error.error_code})") from None


def note(name: str, key: str, text: str) -> None:
    """Set a tag of a model as a whole."""
    _client().set_registered_model_tag(name, key, text)


def register(
    name: str, package: Path, evidence: Path, example: Any, answers: Any, facts: Mapping[str, Any], card: str
) -> Version:
    """Make a version of a folder that `pipeline.serving` answers by, with its code, evidence and card.

    `example` is a table of photographs and `answers` what the model says of it; `facts` become tags of the version
    and, if numbers, metrics of the run that registers.
    """
    import mlflow

    tags = {key: f"{value:.4f}" if isinstance(value, float) else str(value) for key, value in facts.items()}
    experiment = store.experiment_id(_client(), store.experiment())
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
    made = _client().create_model_version(
        name, logged.model_uri, logged.run_id, tags, description=card, model_id=logged.model_id
    )
    return _version(name, made.version)


def download(version: Version, path: str, folder: Path) -> Path:
    """Fetch what a version's evidence holds under a path; returns where it now lies, in `folder`."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    address()
    try:
        return Path(download_artifacts(run_id=version.run_id, artifact_path=f"{EVIDENCE}/{path}", dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        raise InputError(f"{version}: its evidence has no {path}: {error}") from None


def load(uri: str) -> Any:
    """A model that answers photographs, by the code that it was registered with, whatever code is here."""
    import mlflow

    address()
    with _own_code(), _quiet():
        return mlflow.pyfunc.load_model(uri, suppress_warnings=True)


@contextmanager
def told() -> Iterator[None]:
    """What MLflow refuses, or an MLflow that does not answer, as an `InputError`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise InputError(f"MLflow at {address()}: {str(error).splitlines()[0]}") from error


def address() -> str:
    """Where the registry is; MLflow is told, too."""
    client = _client()
    return str(client.tracking_uri)


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
    shared = f"{PACKAGE.name}.errors"
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
    """Photographs of any form, which only `Any` allows for, to a table of answers."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    photographs = Schema([ColSpec(AnyType())])  # type: ignore[no-untyped-call]
    return ModelSignature(inputs=photographs, outputs=infer_signature(answers).inputs)


def _make_sure_of(name: str) -> None:
    """Make a model without versions, unless it is there."""
    from mlflow.exceptions import MlflowException

    try:
        _client().create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _client() -> Any:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # bars of one file each
    return store.connect()


def _version(name: str, number: str | int) -> Version:
    found = _client().get_model_version(name, str(number))
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(name, int(found.version), dict(found.tags), found.run_id, created)


def _aliases(name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(_client().get_registered_model(name).aliases)
    except MlflowException:
        return {}


def _parts(uri: str) -> tuple[str, str, str]:
    """Name, alias and number of a version's address."""
    rest = uri.removeprefix("models:/")
    name, at, alias = rest.partition("@")
    name, slash, number = name.partition("/")
    if rest == uri or not name or bool(at) == bool(slash):
        raise InputError(f"{uri}: not a model; write models:/mga@champion or models:/mga/3")
    return name, alias, number
