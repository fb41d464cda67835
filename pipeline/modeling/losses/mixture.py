"""A mixture: several losses of the same outputs."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MixtureLoss(nn.Module):
    """The sum of losses, each times its weight."""

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(weights)

    def forward(self, outputs: Tensor, train_targets: Tensor, weights: Tensor) -> Tensor:
        """Outputs (n, ...), what they are train_targets (n,) and row weights (n,) to a loss ()."""
        parts = zip(self.losses, self.weights, strict=True)
        return torch.stack([weight * loss(outputs, train_targets, weights) for loss, weight in parts]).sum()
