"""Smooth L1 loss of years: squared near the truth, absolute far from it."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import weighted_mean


class SmoothL1Loss(nn.Module):
    """Mean of ``error^2 / (2 beta)`` below `beta` years and ``error - beta / 2`` above.

    Girshick, Fast R-CNN, 2015, https://arxiv.org/abs/1504.08083, equation 3.
    """

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, predicted: Tensor, years: Tensor, weights: Tensor) -> Tensor:
        """Predicted years (n,), years (n,) and row weights (n,) to a loss ()."""
        return weighted_mean(F.smooth_l1_loss(predicted, years, beta=self.beta, reduction="none"), weights)
