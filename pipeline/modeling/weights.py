"""Weights on disk: safetensors with their metadata, the same bytes for the same training."""

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
KEY = "recipe"  # the only key: safetensors does not keep the order of several


def save(
    path: Path, state: Mapping[str, Tensor], recipe: WeightsMetadata, validated: Mapping[str, Tensor] | None = None
) -> None:
    """Write a network's state and metadata.

    Args:
        path: The file.
        state: The weights that predict new photos.
        recipe: The model, its fold and its configuration.
        validated: The weights that predict the held-out fold, where the last epochs trained on that fold.
    """
    before = {f"{VALIDATED}{name}": tensor for name, tensor in (validated or {}).items()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in (*state.items(), *before.items())}
    write_bytes(path, serialize(tensors, metadata={KEY: recipe.model_dump_json()}))


def read_metadata(path: Path) -> WeightsMetadata:
    """The recipe of a weights file; raises `InputError` when there is none."""
    try:
        with safe_open(path, framework="pt") as file:
            return WeightsMetadata.model_validate_json((file.metadata() or {})[KEY])
    except FileNotFoundError:
        raise InputError(f"{path}: no such weights; run `dvc repro` to train them") from None
    except (SafetensorError, KeyError, ValidationError) as error:
        raise InputError(f"{path}: not weights of this pipeline: {error}") from error


def load(path: Path, validated: bool = False) -> tuple[Network, WeightsMetadata]:
    """The trained network, in evaluation mode, and its metadata.

    With `validated` the network is the one that was validated, before the last epochs trained on the held-out fold.

    Raises:
        InputError: When timm lacks its backbone, or the tensors are not those of the network.
    """
    recipe = read_metadata(path)
    try:
        network = Network(recipe.config)
    except ModelConfigError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        network.load_state_dict(_state(load_file(path), validated))
    except (RuntimeError, SafetensorError) as error:  # tensors that are missing, unknown or of another shape
        what = str(error).partition("\n\t")[2][:MOST_SHOWN] or str(error)
        raise InputError(f"{path}: not the weights of its own recipe; run `dvc repro`: {what}") from None
    return network.eval(), recipe


def _state(tensors: Mapping[str, Tensor], validated: bool) -> dict[str, Tensor]:
    before = {name.removeprefix(VALIDATED): one for name, one in tensors.items() if name.startswith(VALIDATED)}
    if validated and before:
        return before
    return {name: one for name, one in tensors.items() if not name.startswith(VALIDATED)}
