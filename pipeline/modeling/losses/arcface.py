"""ArcFace: the right class must win by an angle."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import weighted_mean


class ArcFaceLoss(nn.Module):
    """Cross entropy of ``scale * cos(angle + margin)`` for the right class and ``scale * cos(angle)`` for the others.

    Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, 2019,
    https://arxiv.org/abs/1801.07698, equation 3. Where angle + margin would exceed pi, and its cosine rise again, the
    authors' code goes on with ``cos(angle) - margin * sin(margin)``. With margin 0 it is cross entropy.
    """

    def __init__(self, margin: float, scale: float) -> None:
        super().__init__()
        self.margin = margin
        self.scale = scale

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes) = scale * cosine, codes (n,) and row weights (n,) to a loss ()."""
        cosine = (logits.gather(1, codes[:, None]) / self.scale).clamp(-1, 1)
        sine = (1 - cosine**2).clamp(min=1e-12).sqrt()  # its gradient at 0 would be infinite
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cosine - self.margin * math.sin(self.margin)
        right = torch.where(cosine > -math.cos(self.margin), turned, beyond)
        losses = F.cross_entropy(logits.scatter(1, codes[:, None], self.scale * right), codes, reduction="none")
        return weighted_mean(losses, weights)
