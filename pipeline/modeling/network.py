"""The one network: a timm backbone with a layer per head, from images to outputs."""

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from timm.models import load_checkpoint
from torch import Tensor, nn

from pipeline.foundation.errors import EntryError, InputError, did_you_mean
from pipeline.modeling import heads
from pipeline.modeling.config import ModelConfig, Normalization

NORMALIZATIONS = {
    "imagenet": Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "competition": Normalization(mean=(0.560, 0.524, 0.501), std=(0.233, 0.243, 0.246)),  # the training photos'
    "half": Normalization(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
}


class Network(nn.Module):
    """Backbone and heads of one config. Weights are random unless loaded or `pretrained`."""

    backbone: Any  # one of timm's, whose attributes nn.Module does not tell
    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig, pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        self.backbone = _backbone(config, pretrained)
        if config.gradient_checkpointing:
            _checkpoint_gradients(config.backbone, self.backbone)
        features = int(self.backbone.num_features)
        self.heads = nn.ModuleDict({name: heads.create(name, head, features) for name, head in config.heads.items()})
        given = config.normalize
        normalization = given if isinstance(given, Normalization) else NORMALIZATIONS[given]
        self.register_buffer("mean", 255 * torch.tensor(normalization.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(normalization.std).view(3, 1, 1), persistent=False)
        if config.channels_last:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """RGB images (n, height, width, 3) of 0..255 to the outputs of every head, as its layer has them."""
        features = self.backbone((images.permute(0, 3, 1, 2) - self.mean) / self.std)
        return {name: layer(features) for name, layer in self.heads.items()}


def _backbone(config: ModelConfig, pretrained: bool) -> nn.Module:
    if not timm.is_model(config.backbone):
        hint = did_you_mean(config.backbone, timm.list_models(), most=3)
        raise EntryError(f"backbone '{config.backbone}' is unknown to timm {timm.__version__}{hint}")
    if pretrained and config.weights is not None:
        return _from_file(config.backbone, config.weights)
    try:
        backbone: nn.Module = timm.create_model(config.backbone, pretrained=pretrained, num_classes=0)
        return backbone
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise EntryError(
            f"the pretrained weights of '{config.backbone}' cannot be had from the hub ({_first_line(error)}). Either "
            "set `weights:` to a local .safetensors file of this backbone, or `pretrained: false`"
        ) from error


def _checkpoint_gradients(name: str, backbone: Any) -> None:
    try:
        backbone.set_grad_checkpointing()
    except (AssertionError, AttributeError):
        raise EntryError(f"backbone '{name}' has no gradient checkpointing in timm") from None


def _from_file(name: str, weights: Path) -> nn.Module:
    """A backbone with all of its weights from a file in timm's own naming; only the classifier may be left over."""
    if not weights.is_file():
        raise EntryError(f"weights '{weights}' is no file; name a local .safetensors file of '{name}'")
    backbone: nn.Module = timm.create_model(name, num_classes=0)
    try:
        keys = load_checkpoint(backbone, str(weights), strict=False)
    except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(f"{weights}: not weights of '{name}': {_first_line(error)}") from error
    classifier = timm.get_pretrained_cfg(name).classifier
    strange = [key for key in keys.unexpected_keys if not key.startswith(f"{classifier}.")]
    if keys.missing_keys or strange:
        missing = f"{len(keys.missing_keys)} of its weights are missing, {len(strange)} are of something else"
        raise InputError(f"{weights}: not weights of '{name}': {missing}")
    return backbone


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
