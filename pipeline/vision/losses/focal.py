"""Focal loss: cross entropy that looks away from what is already easy."""

import torch.nn.functional as F
from torch import Tensor, nn


class FocalLoss(nn.Module):
    """Mean over the batch of ``(1 - p)^gamma * -log p``, p the probability of the right class.

    Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002, equation 4.
    With gamma 0 it is cross entropy.
    """

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) to a loss ()."""
        log_probability = F.log_softmax(logits, dim=1).gather(1, codes[:, None]).squeeze(1)
        return -((1 - log_probability.exp()) ** self.gamma * log_probability).mean()
