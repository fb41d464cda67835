"""Registered models as MLflow pyfuncs: logged from a folder, and loaded with the code logged with them."""

import logging
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.ensembling import fitted_ensemble
from pipeline.registry.serving.classifier import ENSEMBLE_FILE, Classifier
from pipeline.registry.versions import EVIDENCE, Version, as_input_errors, client, read
from pipeline.tracking import pipeline_runs, store
from pipeline.tracking.inputs import Input

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
    "pyarrow",
    "pydantic",
    "rich",
    "ruamel-yaml",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
)
"""What the serving code imports; a version pins the releases that are installed when it is registered."""


def register(
    name: str,
    package: Path,
    evidence: Path,
    example: Any,
    predictions: Any,
    facts: Mapping[str, Any],
    labels: Input,
    card: str,
    experiment: str,
) -> Version:
    """Create a version from a folder that `pipeline.registry.serving` loads, with the code, evidence and card.

    Args:
        name: Name of the registered model.
        package: Folder of the model's files.
        evidence: Folder of the out-of-fold evidence.
        example: A table of photos, kept as the input example.
        predictions: The model's output for the example, from which the signature is inferred.
        facts: Tags of the version; floats are also metrics of the run and the model.
        labels: The labels to which these metrics compare the predictions.
        card: Description of the version, in Markdown.
        experiment: Name of the experiment of the run that holds the evidence.

    Returns:
        The new version.
    """
    import mlflow

    tags = {key: f"{value:.4f}" if isinstance(value, float) else str(value) for key, value in facts.items()}
    experiment_id = store.experiment_id(client(), store.experiment(experiment))
    parent = pipeline_runs.latest(client(), experiment_id)  # below which this run is listed
    own = {"stage": pipeline_runs.REGISTER} | ({pipeline_runs.PARENT: parent} if parent else {})
    with mlflow.start_run(None, experiment_id, f"register {name}", tags=own) as run, _quiet():
        client().set_terminated(run.info.run_id, "KILLED")  # its status if this process is killed before the end
        mlflow.log_artifacts(str(evidence), EVIDENCE)
        logged = mlflow.pyfunc.log_model(
            name=name,
            loader_module=LOADER,
            data_path=str(package),
            code_paths=[str(PACKAGE)],
            signature=_signature(predictions),
            input_example=example,
            pip_requirements=[f"{each}=={installed(each)}" for each in requirements(package)],
        )
        scores = {key: value for key, value in facts.items() if isinstance(value, float)}
        _log_scores(run.info.run_id, logged.model_id, scores, labels)
    _ensure_registered(name)
    created = client().create_model_version(
        name, logged.model_uri, logged.run_id, tags, description=card, model_id=logged.model_id
    )
    return read(name, created.version)


def requirements(package: Path) -> tuple[str, ...]:
    """The packages that a folder of a model needs: LightGBM only for an ensemble that stacks by it."""
    ensemble = package / ENSEMBLE_FILE
    boosted = ensemble.exists() and fitted_ensemble.read(ensemble).ensemble.stacking == "boosting"
    return (*REQUIREMENTS, "lightgbm") if boosted else REQUIREMENTS


@contextmanager
def downloaded(version: Version) -> Iterator[Path]:
    """A copy of the folder of a version's model, which is removed after the block."""
    from mlflow.artifacts import download_artifacts

    with TemporaryDirectory(prefix="model-") as folder:
        with as_input_errors():
            client()
            path = download_artifacts(artifact_uri=version.uri, dst_path=folder)
        yield Path(path)


def foreign_code(folder: Path) -> list[str]:
    """Paths of the code files of a downloaded model that differ from this checkout.

    Empty when the model is loaded by this package only and all its source files are equal to those of this checkout.
    """
    from mlflow.models import Model

    flavor = Model.load(str(folder)).flavors.get("python_function", {})
    if flavor.get("loader_module") != LOADER or "python_model" in flavor:
        return ["MLmodel"]
    code = folder / str(flavor.get("code", ""))
    files = [path for path in sorted(code.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [path.relative_to(code).as_posix() for path in files if not _is_ours(path, path.relative_to(code))]


def load_with_own_code(folder: Path) -> Classifier:
    """Load a downloaded model with the code of this checkout; no code of the model is executed."""
    return Classifier(data_folder(folder), warns=True)


def data_folder(folder: Path) -> Path:
    """The folder of the pipeline's own files in a downloaded model."""
    from mlflow.models import Model

    return folder / str(Model.load(str(folder)).flavors["python_function"]["data"])


def load(uri: str) -> Any:
    """Load a registered model with the code that it was registered with, not the code of this checkout."""
    import mlflow

    client()
    with _own_code(), _quiet():
        return mlflow.pyfunc.load_model(uri, suppress_warnings=True)


@contextmanager
def _own_code() -> Iterator[None]:
    """Unload this package while a model loads its own copy, and restore it afterwards."""
    path, ours = list(sys.path), _loaded_package()
    for name in ours:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in _loaded_package():
            del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:] = path


def _loaded_package() -> dict[str, Any]:
    """The loaded modules of this package, without `errors`: callers catch the model's errors by these classes."""
    shared = f"{PACKAGE.name}.foundation.errors"
    return {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] == PACKAGE.name and name != shared
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's hints on types and warnings, which a user cannot act on."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _is_ours(path: Path, name: Path) -> bool:
    ours = PACKAGE.parent / name
    return name.parts[0] == PACKAGE.name and ours.is_file() and ours.read_bytes() == path.read_bytes()


def _signature(predictions: Any) -> Any:
    """Photos as bytes, to a table of predictions.

    The column has no name: MLflow then takes lists as well, and a table with any name of its column. It lets pass
    paths, base64 and arrays, which it does not tell from bytes in a table.
    """
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, DataType, Schema

    return ModelSignature(inputs=Schema([ColSpec(DataType.binary)]), outputs=infer_signature(predictions).inputs)


def _log_scores(run_id: str, model_id: str, scores: Mapping[str, float], labels: Input) -> None:
    """Log scores to a run and to its model, with the data set that they are of."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    data, now = Dataset(**labels.dataset()), time.time_ns() // 1_000_000
    client().log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "evaluation")])])
    of_model = {"model_id": model_id, "dataset_name": data.name, "dataset_digest": data.digest, "run_id": run_id}
    client().log_batch(run_id, [Metric(key, value, now, 0, **of_model) for key, value in scores.items()])


def _ensure_registered(name: str) -> None:
    """Create the registered model unless it exists."""
    from mlflow.exceptions import MlflowException

    try:
        client().create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
