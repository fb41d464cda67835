"""Cross entropy, with class weights and label smoothing."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import TINY


class CrossEntropyLoss(nn.Module):
    """Mean of ``-log p`` of the right class, by the weights of its class and its row.

    With `smoothing` the target is mixed with the uniform distribution: Szegedy et al., Rethinking the Inception
    Architecture for Computer Vision, 2016, https://arxiv.org/abs/1512.00567, section 7.
    """

    class_weights: Tensor

    def __init__(self, class_weights: Tensor, smoothing: float = 0) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.smoothing = smoothing

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss ()."""
        losses = F.cross_entropy(logits, codes, self.class_weights, reduction="none", label_smoothing=self.smoothing)
        return (losses * weights).sum() / (self.class_weights[codes] * weights).sum().clamp(min=TINY)
