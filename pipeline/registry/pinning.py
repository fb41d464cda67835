"""Models that are not trained here: versions of the registry, pinned in params.yaml and fetched instead."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.config import params
from pipeline.config.validation_messages import describe
from pipeline.foundation.errors import InputError, raise_faults
from pipeline.foundation.files import replacing
from pipeline.foundation.hashes import sha256
from pipeline.modeling.config import ModelConfig, Pinned
from pipeline.modeling.members import OUT_OF_FOLD
from pipeline.modeling.training import Inputs
from pipeline.registry import provenance, versions
from pipeline.registry.candidate import ENTRY, TRAININGS
from pipeline.registry.versions import Version

NULL = "tag:yaml.org,2002:null"  # else ruamel writes nothing where a file says null


def pin(version: Version) -> tuple[ModelConfig, Pinned]:
    """The config that a version was trained by, and its folds by content.

    Raises `InputError` for a version that answers by a refit or a second round, which its folds are not, and for one
    whose config is none any more.
    """
    with TemporaryDirectory(prefix="pin-") as folder:
        config = _config(version, versions.download(version, ENTRY, Path(folder)))
        trainings = versions.download(version, TRAININGS, Path(folder))
        if others := sorted(path.name for path in trainings.iterdir() if path.name != "folds"):
            raise InputError(f"{version}: has a {' and a '.join(others)}; only the folds of a model can be pinned")
        folds = {int(path.name): digest(path) for path in sorted((trainings / "folds").iterdir())}
    return config, Pinned(version=version.uri, folds=folds)


def write(pins: dict[str, tuple[ModelConfig, Pinned]], path: Path = params.FILE) -> None:
    """Pin models in a params file; comments stay, and so do entries that are what the version was trained by."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.representer.add_representer(type(None), lambda writer, _: writer.represent_scalar(NULL, "null"))
    document, read = yaml.load(path), params.load(path)
    for name, (config, pinned) in pins.items():
        if read.models[name].model_copy(update={"pinned": None}) != config:
            document["models"][name] = config.model_dump(mode="json", exclude={"pinned"})
        document["models"][name]["pinned"] = pinned.model_dump()
    with replacing(path.resolve()) as partial:
        yaml.dump(document, partial)


def fetch(pinned: Pinned, inputs: Inputs, fold: int, output: Path) -> None:
    """Bring what a training of this fold would have written, from the pinned version.

    Raises `InputError` when the version was trained on other labels, folds or crops, or is not what was pinned.
    """
    with versions.told(), TemporaryDirectory(prefix="fetch-") as folder:
        version = versions.find(pinned.version)
        here = provenance.hashes(inputs.labels, inputs.folds, inputs.crops)
        faults = [f"{name}: {version.tags.get(name)}, here {value}" for name, value in here.items()]
        different = [fault for fault, name in zip(faults, here, strict=True) if version.tags.get(name) != here[name]]
        raise_faults(f"{version} was trained on other data, so its answers are not out of fold here", different)
        found = versions.download(version, f"{TRAININGS}/folds/{fold}", Path(folder))
        if digest(found) != pinned.folds[fold]:
            raise InputError(f"{version}: fold {fold} is not what params.yaml pinned; its files were changed")
        shutil.copytree(found, output, dirs_exist_ok=True)
    print(f"{output}: fetched from {version}, not trained")


def _config(version: Version, kept: Path) -> ModelConfig:
    try:
        return ModelConfig.model_validate_json(kept.read_bytes())
    except ValidationError as error:
        faults = [describe(fault) for fault in error.errors()]
        raise_faults(f"{version}: trained by an config that is none here; train and register it anew", faults)
        raise


def digest(folder: Path) -> str:
    """SHA-256 of the names and contents of a training's files."""
    if not (folder / OUT_OF_FOLD).exists():
        raise InputError(f"{folder}: no training of a fold")
    lines = [f"{path.name} {sha256(path)}\n" for path in sorted(folder.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
