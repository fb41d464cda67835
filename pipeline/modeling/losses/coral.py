"""CORAL: ordered classes as a row of yes-or-no questions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import weighted_mean


class CoralLoss(nn.Module):
    """Mean of the binary cross entropies of "is it above class k?" summed over all k but the last.

    Cao, Mirjalili and Raschka, Rank consistent ordinal regression for neural networks with application to age
    estimation, 2020, https://arxiv.org/abs/1901.07884, equation 5.
    """

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes - 1) of being above each class, codes (n,) and row weights (n,) to a loss ()."""
        above = codes[:, None] > torch.arange(logits.shape[1], device=codes.device)
        losses = F.binary_cross_entropy_with_logits(logits, above.to(logits.dtype), reduction="none")
        return weighted_mean(losses.sum(dim=1), weights)
