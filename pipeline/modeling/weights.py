"""Weights files: safetensors with metadata. Equal weights and metadata are written as equal bytes."""

import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor

from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.foundation.files import write_bytes
from pipeline.modeling.config import WeightsMetadata
from pipeline.modeling.network import Network

MOST_SHOWN = 300  # characters of PyTorch's list of tensors
VALIDATED = "validated."  # prefix of the second set of tensors
KEY = "metadata"  # the only metadata key: safetensors does not keep the order of several


def save(
    path: Path, state: Mapping[str, Tensor], metadata: WeightsMetadata, validated: Mapping[str, Tensor] | None = None
) -> None:
    """Write a network's state and metadata.

    Args:
        path: The file.
        state: The weights that predict new photos.
        metadata: The model, its fold, epoch and configuration.
        validated: The weights that predict the held-out fold, if the last epochs trained on that fold.
    """
    prefixed = {f"{VALIDATED}{name}": tensor for name, tensor in (validated or {}).items()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in (*state.items(), *prefixed.items())}
    write_bytes(path, serialize(tensors, metadata={KEY: metadata.model_dump_json()}))


def read_metadata(path: Path) -> WeightsMetadata:
    """Read the metadata of a weights file.

    Raises:
        InputError: When there is no such file, or it has no valid metadata.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return WeightsMetadata.model_validate_json((file.metadata() or {})[KEY])
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights; run `dvc repro` to train them") from None
    except (SafetensorError, KeyError, ValidationError) as error:
        raise InputError(f"{path}: not weights of this pipeline: {error}") from error


def parameter_count(path: Path) -> int:
    """The number of parameters, batch normalisation statistics included; raises `InputError` as `read_metadata` does.

    The second set of tensors, that of the validated weights, is not counted.
    """
    read_metadata(path)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if not name.startswith(VALIDATED)]  # noqa: SIM118  it is no dict
        return sum(math.prod(file.get_slice(name).get_shape()) for name in names)


def load(path: Path, validated: bool = False) -> tuple[Network, WeightsMetadata]:
    """Load a trained network.

    Args:
        path: The weights file.
        validated: Load the weights from before the last epochs, which trained on the held-out fold, if there are any.

    Returns:
        The network in evaluation mode, and its metadata.

    Raises:
        InputError: When timm lacks the backbone, or the tensors do not fit the network.
    """
    metadata = read_metadata(path)
    try:
        network = Network(metadata.config)
    except ModelConfigError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        network.load_state_dict(_state(load_file(path), validated))
    except (RuntimeError, SafetensorError) as error:  # tensors that are missing, unknown or of another shape
        mismatch = str(error).partition("\n\t")[2][:MOST_SHOWN] or str(error)
        raise InputError(
            f"{path}: the tensors do not fit the configuration in its metadata; run `dvc repro`: {mismatch}"
        ) from None
    return network.eval(), metadata


def _state(tensors: Mapping[str, Tensor], validated: bool) -> dict[str, Tensor]:
    own = {name.removeprefix(VALIDATED): one for name, one in tensors.items() if name.startswith(VALIDATED)}
    if validated and own:
        return own
    return {name: one for name, one in tensors.items() if not name.startswith(VALIDATED)}
