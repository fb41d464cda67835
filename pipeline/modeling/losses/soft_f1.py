"""Soft F1: the score itself, made differentiable."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import TINY


class SoftF1Loss(nn.Module):
    """One minus the macro F1 of a batch in which probabilities stand in place of counts.

    Pastor-Pellicer et al., F-Measure as the Error Function to Train Neural Networks, 2013,
    https://doi.org/10.1007/978-3-642-38679-4_37. Classes that the batch does not hold are left out of the mean: their
    F1 is 0 whatever is predicted.
    """

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss () of 0..1."""
        right = F.one_hot(codes, logits.shape[1])
        predicted = logits.softmax(dim=1) * weights[:, None]
        true = right * weights[:, None]
        f1 = 2 * (predicted * right).sum(dim=0) / (predicted + true).sum(dim=0).clamp(min=TINY)
        return 1 - f1.sum() / (true.sum(dim=0) > 0).sum().clamp(min=1)
