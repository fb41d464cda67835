"""Focal loss: cross entropy that looks away from what is already easy."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import TINY, weighted_mean


class FocalLoss(nn.Module):
    """Mean of ``(1 - p)^gamma * -log p``, p the probability of the right class, by the weights of class and row.

    Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002, equation 5; the class
    weights are its alpha. With gamma 0 it is cross entropy.
    """

    class_weights: Tensor

    def __init__(self, gamma: float, class_weights: Tensor) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("class_weights", class_weights)

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss ()."""
        log_probability = F.log_softmax(logits, dim=1).gather(1, codes[:, None]).squeeze(1)
        missing = (1 - log_probability.exp()).clamp(min=TINY)  # at 0 a power below 1 has no gradient
        losses = -(missing**self.gamma * log_probability)
        return weighted_mean(losses, self.class_weights[codes] * weights)
