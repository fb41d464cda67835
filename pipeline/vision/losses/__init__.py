"""The loss of a head, a file each: `create` is the only factory."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from pipeline import entries
from pipeline.vision.losses.arcface import ArcFaceLoss
from pipeline.vision.losses.coral import CoralLoss
from pipeline.vision.losses.cross_entropy import CrossEntropyLoss
from pipeline.vision.losses.focal import FocalLoss
from pipeline.vision.losses.mixture import MixtureLoss
from pipeline.vision.losses.mse import MseLoss
from pipeline.vision.losses.smooth_l1 import SmoothL1Loss
from pipeline.vision.losses.soft_f1 import SoftF1Loss
from pipeline.vision.losses.weights import class_weights

Taught = npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]]


def create(loss: entries.Loss, taught: Taught, classes: int) -> nn.Module:
    """Module from a head's outputs (n, ...), what its rows are taught (n,) and their weights (n,) to a loss ().

    `taught` are the codes, or years, of all training rows: `balanced` class weights are theirs.
    """
    match loss:
        case entries.CrossEntropy(smoothing=smoothing):
            return CrossEntropyLoss(class_weights(loss.class_weights, taught, classes), smoothing)
        case entries.Focal(gamma=gamma):
            return FocalLoss(gamma, class_weights(loss.class_weights, taught, classes))
        case entries.SoftF1():
            return SoftF1Loss()
        case entries.ArcFace(margin=margin, scale=scale):
            return ArcFaceLoss(margin, scale)
        case entries.Mix(of=parts, weights=weights):
            return MixtureLoss([create(part, taught, classes) for part in parts], weights)
        case _:
            return _of_age(loss)


def _of_age(loss: entries.Coral | entries.SmoothL1 | entries.Mse) -> nn.Module:
    match loss:
        case entries.Coral():
            return CoralLoss()
        case entries.SmoothL1(beta=beta):
            return SmoothL1Loss(beta)
        case entries.Mse():
            return MseLoss()
