"""Generalized-mean pooling, in place of a backbone's own."""

from typing import Any

import torch
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

EXPONENT = 3.0
"""The exponent before training, the authors' choice."""
LEAST = 1e-6
"""Smaller values of the feature map count as this: roots of negative numbers are not real."""


class GeneralizedMean(nn.Module):
    """The mean over all places of a feature map's p-th powers, and of that the p-th root; p is learned.

    Radenovic, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, 2018,
    https://arxiv.org/abs/1711.02512, equation 3. With p = 1 it is the mean, with a large p the maximum.
    """

    def __init__(self, dims: tuple[int, int], flatten: bool) -> None:
        super().__init__()
        self.dims = dims
        self.keepdim = not flatten
        self.exponent = nn.Parameter(torch.tensor([EXPONENT]))

    def forward(self, features: Tensor) -> Tensor:
        """Feature maps, with channels first or last, to features (n, channels) or to maps with sides of 1."""
        powers = features.float().clamp(min=LEAST) ** self.exponent
        return powers.mean(self.dims, keepdim=self.keepdim) ** (1 / self.exponent)


def generalize(backbone: Any) -> bool:
    """Replace the pooling of a timm model by `GeneralizedMean`; returns whether it has such a pooling."""
    found = [name for name, module in backbone.named_modules() if isinstance(module, SelectAdaptivePool2d)]
    for name in found:
        selected = backbone.get_submodule(name)
        dims = getattr(selected.pool, "dim", (2, 3))
        flatten = getattr(selected.pool, "flatten", isinstance(selected.flatten, nn.Flatten))
        backbone.set_submodule(name, GeneralizedMean(dims, flatten))
    return bool(found)
