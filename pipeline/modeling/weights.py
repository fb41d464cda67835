"""Weights on disk: safetensors with the recipe inside, the same bytes for the same training."""

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
KEY = "recipe"  # the only key: safetensors does not keep the order of several


def save(path: Path, state: dict[str, Tensor], recipe: WeightsMetadata) -> None:
    """Write a network's state and the recipe that made it."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.items()}
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


def load(path: Path) -> tuple[Network, WeightsMetadata]:
    """The trained network, in evaluation mode, and its recipe.

    Raises:
        InputError: When timm lacks its backbone, or the tensors are not those of the network.
    """
    recipe = read_metadata(path)
    try:
        network = Network(recipe.config)
    except ModelConfigError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:  # tensors that are missing, unknown or of another shape
        what = str(error).partition("\n\t")[2][:MOST_SHOWN] or str(error)
        raise InputError(f"{path}: not the weights of its own recipe; run `dvc repro`: {what}") from None
    return network.eval(), recipe
