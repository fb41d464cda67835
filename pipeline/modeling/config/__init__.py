"""The configuration of a model: the sections below `models:` in params.yaml, and those of the stages that train."""

from pipeline.modeling.config.heads import Head
from pipeline.modeling.config.model import TTA, ModelConfig, Normalization, Pinned, Select, Transform, WeightsMetadata

__all__ = ["TTA", "Head", "ModelConfig", "Normalization", "Pinned", "Select", "Transform", "WeightsMetadata"]
