"""Mean squared error of years."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.losses.weights import weighted_mean


class MseLoss(nn.Module):
    """Mean of the squared error: least squares, the most likely mean of normal residuals (Gauss 1809)."""

    def forward(self, predicted: Tensor, years: Tensor, weights: Tensor) -> Tensor:
        """Predicted years (n,), years (n,) and row weights (n,) to a loss ()."""
        return weighted_mean(F.mse_loss(predicted, years, reduction="none"), weights)
