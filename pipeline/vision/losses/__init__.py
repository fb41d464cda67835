"""The loss of a head, a file each: `create` is the only factory."""

from torch import nn

from pipeline import entries
from pipeline.vision.losses.focal import FocalLoss


def create(loss: entries.Loss) -> nn.Module:
    """Module from outputs (n, classes) and codes (n,), or years (n,) and years (n,), to a mean loss ()."""
    match loss:
        case entries.CrossEntropy():
            return nn.CrossEntropyLoss()
        case entries.Focal(gamma=gamma):
            return FocalLoss(gamma)
        case entries.SmoothL1(beta=beta):
            return nn.SmoothL1Loss(beta=beta)
        case entries.Mse():
            return nn.MSELoss()
