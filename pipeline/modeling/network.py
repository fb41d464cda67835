"""The network that every model is: a timm backbone with a layer per head, from images to outputs."""

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.modeling import backbones, heads
from pipeline.modeling.config import ModelConfig, Normalization

NORMALIZATIONS = {
    "imagenet": Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "competition": Normalization(mean=(0.560, 0.524, 0.501), std=(0.233, 0.243, 0.246)),  # of the training photos
    "half": Normalization(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
}


class Network(nn.Module):
    """Backbone and heads of one model. Weights are random unless loaded or `pretrained`.

    Features are dropped before the heads in training, as configured: Srivastava et al., Dropout, 2014,
    https://jmlr.org/papers/v15/srivastava14a.html. Those of several levels, whose scales differ, are standardised first
    by batch statistics, as a linear probe's are: He et al., Masked Autoencoders, 2022,
    https://arxiv.org/abs/2111.06377, appendix A.1.
    """

    backbone: Any  # a timm model, whose attributes nn.Module does not declare
    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig, pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbones.create(config, pretrained)
        features = backbones.width(self.backbone, config)
        self.frozen = False
        self.standardize = nn.BatchNorm1d(features, affine=False) if config.levels else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.heads = nn.ModuleDict({name: heads.create(name, head, features) for name, head in config.heads.items()})
        normalization = _normalization(config, self.backbone)
        self.register_buffer("mean", 255 * torch.tensor(normalization.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(normalization.std).view(3, 1, 1), persistent=False)
        if config.channels_last:
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def features(self, images: Tensor) -> Tensor:
        """RGB images (n, height, width, 3) of 0..255 to the features (n, k) that the heads get."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return backbones.features(self.backbone, (images.permute(0, 3, 1, 2) - self.mean) / self.std, self.config)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """RGB images (n, height, width, 3) of 0..255, or their features (n, k), to the raw outputs of every head.

        Outputs are float32, under autocast too.
        """
        features = images if images.ndim == 2 else self.features(images)
        with torch.autocast(features.device.type, enabled=False):  # half precision has years in steps of a quarter
            features = self.dropout(self.standardize(features.float()))
            return {name: layer(features) for name, layer in self.heads.items()}

    def set_training(self, frozen: bool) -> None:
        """Set the training mode; a frozen backbone has no gradients, and keeps its batch statistics."""
        self.train()
        self.frozen = frozen
        self.backbone.train(not frozen)


def _normalization(config: ModelConfig, backbone: Any) -> Normalization:
    if isinstance(config.normalize, Normalization):
        return config.normalize
    return backbones.normalization(backbone) if config.normalize == "auto" else NORMALIZATIONS[config.normalize]
