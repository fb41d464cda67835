"""Pinned models: versions of the registry that params.yaml names, fetched instead of trained."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import replacing
from pipeline.foundation.hashes import sha256
from pipeline.foundation.terminal import log
from pipeline.modeling.config import ModelConfig, Pinned
from pipeline.modeling.members import PREDICTIONS, WEIGHTS
from pipeline.registry import versions
from pipeline.registry.candidate import CONFIG, TRAININGS, data_hashes
from pipeline.registry.versions import Version

NULL = "tag:yaml.org,2002:null"  # ruamel writes an empty value for null by default


def pin(version: Version) -> tuple[ModelConfig, Pinned]:
    """The training configuration of a version, and the content hash of each of its folds.

    Raises:
        InputError: When the version predicts with a refit or pseudo-labelled folds, which cannot be pinned, or its
            configuration is not valid here.
    """
    with TemporaryDirectory(prefix="pin-") as folder:
        config = _config(version, versions.download(version, CONFIG, Path(folder)))
        trainings = versions.download(version, TRAININGS, Path(folder))
        if others := sorted(path.name for path in trainings.iterdir() if path.name not in {"folds", PREDICTIONS}):
            raise InputError(f"{version}: has a {' and a '.join(others)}; only the folds of a model can be pinned")
        folds = {int(path.name): digest(path) for path in sorted((trainings / "folds").iterdir())}
    return config, Pinned(version=version.uri, folds=folds)


def write(pins: Mapping[str, tuple[ModelConfig, Pinned]], configs: Mapping[str, ModelConfig], path: Path) -> None:
    """Pin models in a params file.

    Comments stay, and so does the text of a configuration that equals the version's.

    Args:
        pins: Configuration and pin by model name.
        configs: The configurations that the file holds now.
        path: The params file.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.representer.add_representer(type(None), lambda writer, _: writer.represent_scalar(NULL, "null"))
    document = yaml.load(path)
    for name, (config, pinned) in pins.items():
        if configs[name].model_copy(update={"pinned": None}) != config:
            document["models"][name] = config.model_dump(mode="json", exclude={"pinned"})
        document["models"][name]["pinned"] = pinned.model_dump()
    with replacing(path.resolve()) as partial:
        yaml.dump(document, partial)


def fetch(pinned: Pinned, labels: Path, folds: Path, crops: Path, fold: int, output: Path) -> None:
    """Write the outputs of a training of this fold, taken from the pinned version.

    Raises:
        InputError: When the version was trained on other labels, folds or crops, or its files are not those that
            were pinned.
    """
    with versions.as_input_errors(), TemporaryDirectory(prefix="fetch-") as folder:
        version = versions.find(pinned.version)
        here = data_hashes(labels, folds, crops)
        faults = [
            f"{name}: {version.tags.get(name)}, here {value}"
            for name, value in here.items()
            if version.tags.get(name) != value
        ]
        raise_faults(f"{version} was trained on other data, so its predictions are not out of fold here", faults)
        found = versions.download(version, f"{TRAININGS}/folds/{fold}", Path(folder))
        if digest(found) != pinned.folds[fold]:
            raise InputError(f"{version}: the files of fold {fold} are not those that params.yaml pins")
        shutil.copytree(found, output, dirs_exist_ok=True)
    log(f"{output}: fetched from {version}, not trained")


def digest(folder: Path) -> str:
    """SHA-256 of the names and contents of a training's files."""
    if not (folder / WEIGHTS).exists():
        raise InputError(f"{folder}: not the training of a fold")
    lines = [f"{path.name} {sha256(path)}\n" for path in sorted(folder.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _config(version: Version, file: Path) -> ModelConfig:
    try:
        return ModelConfig.model_validate_json(file.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise_faults(f"{version}: its model configuration is not valid here; train and register it again", faults)
        raise
