"""An entry of `models:` in params.yaml: a backbone, its heads and how they are trained."""

from pipeline.entries.course import Constant, Cosine, OneCycle, Optimizer, Plateau, Schedule, Step
from pipeline.entries.heads import Head, attributes
from pipeline.entries.losses import (
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
from pipeline.entries.model import Model, Normalization, Pinned, Recipe, Select, Transform, Views
from pipeline.entries.rows import Balanced, CutMix, Enlarge, MixUp, Sampling, Shuffle, Weighted
from pipeline.entries.section import Fraction, Section

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
    "Fraction",
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
    "Section",
    "Select",
    "Shuffle",
    "SmoothL1",
    "SoftF1",
    "Step",
    "Transform",
    "Views",
    "Weighted",
    "attributes",
]
