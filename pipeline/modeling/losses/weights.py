"""Whose say counts how much in a loss: that of classes, and that of rows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.modeling.config import ClassWeights

TINY = 1e-12


def class_weights(setting: ClassWeights, train_targets: Any, classes: int) -> Tensor:
    """Weights (classes,): those given, or one each, or `balanced`: rows / (classes * rows of the class)."""
    if setting is None:
        return torch.ones(classes)
    if setting == "balanced":
        counts = np.bincount(train_targets, minlength=classes)
        return torch.from_numpy(len(train_targets) / (classes * np.maximum(counts, 1))).float()
    return torch.tensor(setting)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean () of losses (n,) by the weights (n,) of their rows; 0 where no row has any."""
    return (losses * weights).sum() / weights.sum().clamp(min=TINY)
