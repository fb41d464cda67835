"""An entry of `models:` in params.yaml: a backbone, its heads and how they are trained."""

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
from pipeline.modeling.config.model import Model, Normalization, Pinned, Recipe, Select, Transform, Views
from pipeline.modeling.config.optimization import Constant, Cosine, OneCycle, Optimizer, Plateau, Schedule, Step
from pipeline.modeling.config.sampling import Balanced, CutMix, Enlarge, MixUp, Sampling, Shuffle, Weighted

__all__ = [
    "ArcFace",
    "Balanced",
    "ClassLoss",
    "ClassWeights",
    "Constant",
    "Coral",
    "Cosine",
    "CrossEntropy",
    "CutMix",
    "Enlarge",
    "Focal",
    "Head",
    "Loss",
    "Mix",
    "MixUp",
    "Model",
    "Mse",
    "Normalization",
    "OneCycle",
    "Optimizer",
    "Pinned",
    "Plateau",
    "Recipe",
    "Sampling",
    "Schedule",
    "Select",
    "Shuffle",
    "SmoothL1",
    "SoftF1",
    "Step",
    "Transform",
    "Views",
    "Weighted",
]
