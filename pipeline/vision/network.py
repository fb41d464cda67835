"""The one network: a timm backbone with a linear layer per head, from uint8 pictures to outputs."""

import difflib
import math
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from timm.models import load_checkpoint
from torch import Tensor, nn

from pipeline.entries import Head, Model, attributes
from pipeline.errors import InputError
from pipeline.labels import shape

NORMALIZATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "competition": ((0.560, 0.524, 0.501), (0.233, 0.243, 0.246)),  # mean and spread of the training photographs
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
YEARS_CENTRE, YEARS_SCALE = 40.0, 20.0  # a fresh layer's outputs near 0 are ages that occur


class Network(nn.Module):
    """Backbone and heads of one entry. Weights are random unless loaded or `pretrained`."""

    mean: Tensor
    std: Tensor

    def __init__(self, entry: Model, pretrained: bool = False) -> None:
        super().__init__()
        self.entry = entry
        self.backbone = _backbone(entry, pretrained)
        features = int(self.backbone.num_features)  # type: ignore[arg-type]  # timm sets a plain int
        self.heads = nn.ModuleDict(
            {name: nn.Linear(features, outputs(name, head)) for name, head in entry.heads.items()}
        )
        mean, std = NORMALIZATIONS[entry.normalize]
        self.register_buffer("mean", 255 * torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """RGB pictures uint8 (n, height, width, 3) to logits (n, classes) or years (n,) per head."""
        features = self.backbone((pictures.permute(0, 3, 1, 2) - self.mean) / self.std)
        raw = {name: layer(features) for name, layer in self.heads.items()}
        return {name: _years(out) if self.entry.heads[name].kind == "years" else out for name, out in raw.items()}


def outputs(name: str, head: Head) -> int:
    """Width of a head's layer: the classes of its product, or 1 for years."""
    return 1 if head.kind == "years" else math.prod(shape(attributes(name)))


def _years(out: Tensor) -> Tensor:
    return YEARS_CENTRE + YEARS_SCALE * out.squeeze(1).float()


def _backbone(entry: Model, pretrained: bool) -> nn.Module:
    if not timm.is_model(entry.backbone):
        near = ", ".join(difflib.get_close_matches(entry.backbone, timm.list_models(), n=3))
        hint = f"; did you mean {near}?" if near else ""
        raise InputError(f"params.yaml: backbone '{entry.backbone}' is unknown to timm {timm.__version__}{hint}")
    if pretrained and entry.weights is not None:
        return _from_file(entry.backbone, entry.weights)
    try:
        backbone: nn.Module = timm.create_model(entry.backbone, pretrained=pretrained, num_classes=0)
        return backbone
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise InputError(
            f"the pretrained weights of '{entry.backbone}' cannot be had from the hub ({_first_line(error)}). Either "
            "set `weights:` of the model to a local .safetensors file of this backbone, or `pretrained: false`"
        ) from error


def _from_file(name: str, weights: Path) -> nn.Module:
    """A backbone with all of its weights from a file in timm's own naming; only the classifier may be left over."""
    if not weights.is_file():
        raise InputError(f"params.yaml: weights '{weights}' is no file; name a local .safetensors file of '{name}'")
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
