"""Pooling in place of a backbone's own: generalized means of the last feature map, or statistics of several."""

from collections.abc import Sequence
from typing import Any

import torch
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn

EXPONENT = 3.0
"""The exponent before training, the authors' choice."""
LEAST = 1e-6
"""Smaller values of the feature map count as this: roots of negative numbers are not real."""
LEAST_VARIANCE = 1e-5
"""Added to the variance of a feature map: at 0 its root has no gradient."""


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


def statistics(backbone: Any, images: Tensor, levels: Sequence[int]) -> Tensor:
    """Mean and standard deviation over all places of the feature maps at several levels of a backbone.

    What a network was trained for takes over towards its end: a network that recognises people drops their age. Earlier
    maps keep more: Evci et al., Head2Toe, 2022, https://arxiv.org/abs/2201.03529. Mean and deviation are the statistics
    pooling of Snyder et al., X-Vectors, 2018, https://doi.org/10.1109/ICASSP.2018.8461375.

    Args:
        backbone: A model with timm's `forward_intermediates`.
        images: Normalised images (n, 3, height, width).
        levels: Numbers of the levels, counted from 0, the shallowest first.

    Returns:
        Features (n, 2 x channels of all levels): of every level the means, then the deviations.
    """
    maps = backbone.forward_intermediates(images, indices=list(levels), intermediates_only=True, stop_early=True)
    parts = [(each.float().mean((2, 3)), each.float().var((2, 3), correction=0)) for each in maps]
    return torch.cat([part for mean, variance in parts for part in (mean, (variance + LEAST_VARIANCE).sqrt())], dim=1)
