"""The loss of a head, a file each: `create` is the only factory."""

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from pipeline.modeling import config
from pipeline.modeling.losses.arcface import ArcFaceLoss
from pipeline.modeling.losses.coral import CoralLoss
from pipeline.modeling.losses.cross_entropy import CrossEntropyLoss
from pipeline.modeling.losses.focal import FocalLoss
from pipeline.modeling.losses.mixture import MixtureLoss
from pipeline.modeling.losses.mse import MseLoss
from pipeline.modeling.losses.smooth_l1 import SmoothL1Loss
from pipeline.modeling.losses.soft_f1 import SoftF1Loss
from pipeline.modeling.losses.weights import class_weights

TrainTargets = npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]]


def create(loss: config.Loss, train_targets: TrainTargets, classes: int) -> nn.Module:
    """Module from a head's outputs (n, ...), what its rows are train_targets (n,) and their weights (n,) to a loss ().

    `train_targets` are the codes, or years, of all training rows: `balanced` class weights are theirs.
    """
    match loss:
        case config.CrossEntropy(smoothing=smoothing):
            return CrossEntropyLoss(class_weights(loss.class_weights, train_targets, classes), smoothing)
        case config.Focal(gamma=gamma):
            return FocalLoss(gamma, class_weights(loss.class_weights, train_targets, classes))
        case config.SoftF1():
            return SoftF1Loss()
        case config.ArcFace(margin=margin, scale=scale):
            return ArcFaceLoss(margin, scale)
        case config.Mix(of=parts, weights=weights):
            return MixtureLoss([create(part, train_targets, classes) for part in parts], weights)
        case _:
            return _of_age(loss)


def _of_age(loss: config.Coral | config.SmoothL1 | config.Mse) -> nn.Module:
    match loss:
        case config.Coral():
            return CoralLoss()
        case config.SmoothL1(beta=beta):
            return SmoothL1Loss(beta)
        case config.Mse():
            return MseLoss()
