"""An config of `models:` in params.yaml: a backbone, its heads and how they are trained."""

from pipeline.modeling.config.heads import Head
from pipeline.modeling.config.losses import (
    ArcFace,
    ClassLoss,
    ClassWeights,
    Coral,
    CrossEntropy,
    Focal,
    Loss,
    Mix,
    Mse,
    SmoothL1,
    SoftF1,
)
from pipeline.modeling.config.model import TTA, ModelConfig, Normalization, Pinned, Select, Transform, WeightsMetadata
from pipeline.modeling.config.optimization import Constant, Cosine, OneCycle, Optimizer, Plateau, Schedule, Step
from pipeline.modeling.config.sampling import Balanced, CutMix, MixUp, Oversample, Sampling, Shuffle, Weighted

__all__ = [
    "TTA",
    "ArcFace",
    "Balanced",
    "ClassLoss",
    "ClassWeights",
    "Constant",
    "Coral",
    "Cosine",
    "CrossEntropy",
    "CutMix",
    "Focal",
    "Head",
    "Loss",
    "Mix",
    "MixUp",
    "ModelConfig",
    "Mse",
    "Normalization",
    "OneCycle",
    "Optimizer",
    "Oversample",
    "Pinned",
    "Plateau",
    "Sampling",
    "Schedule",
    "Select",
    "Shuffle",
    "SmoothL1",
    "SoftF1",
    "Step",
    "Transform",
    "Weighted",
    "WeightsMetadata",
]
