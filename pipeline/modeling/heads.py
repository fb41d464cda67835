"""What stands on the backbone: a layer per head, and what its outputs mean."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.config import ArcFace, Head
from pipeline.modeling.config.losses import Kind, parts
from pipeline.schema.schema import SCHEMA

YEARS_CENTRE, YEARS_SCALE = 40.0, 20.0  # a fresh layer's outputs near 0 are ages that occur


def create(name: str, head: Head, features: int) -> nn.Module:
    """Layer from features (n, features) to logits (n, classes), boundaries' logits (n, classes - 1) or years (n,)."""
    match head.kind:
        case "regression":
            return Years(features, 1)
        case "ordinal":
            return Ordinal(features, classes(name))
    scales = [part.scale for part in parts(head.loss) if isinstance(part, ArcFace)]
    return Cosine(features, classes(name), scales[0]) if scales else nn.Linear(features, classes(name))


def classes(name: str) -> int:
    """Number of classes of a head's product of attributes."""
    return SCHEMA.head(name).classes


def predicted(kind: Kind, outputs: Tensor) -> Tensor:
    """What outputs (n, looks, ...) of a head say: probabilities (n, looks, classes), or years (n, looks)."""
    match kind:
        case "classes":
            return outputs.float().softmax(dim=-1)
        case "ordinal":
            return _between(outputs.float().sigmoid())
        case "regression":
            return outputs.float()


class Years(nn.Linear):
    """Age in years."""

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, features) to years (n,)."""
        return YEARS_CENTRE + YEARS_SCALE * super().forward(features).squeeze(1)


class Ordinal(nn.Module):
    """One score for all boundaries between ordered classes, and a threshold for each: the CORAL layer.

    Cao, Mirjalili and Raschka 2020, https://arxiv.org/abs/1901.07884, section 3.3. The thresholds start where a score
    of 0 makes all classes equally likely: closer together, a class in the middle could not win for many epochs.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1, bias=False)
        self.thresholds = nn.Parameter(torch.logit(torch.arange(classes - 1, 0, -1) / classes))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, features) to the logits (n, classes - 1) of being above each class but the last."""
        scores: Tensor = self.score(features)
        return scores + self.thresholds


class Cosine(nn.Module):
    """The cosine between features and each class's direction, times a scale: the layer that ArcFace trains."""

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(classes, features)))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, features) to logits (n, classes) of -scale..scale."""
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))


def _between(above: Tensor) -> Tensor:
    """Probabilities (..., classes) from those of being above each class; thresholds that crossed count as one."""
    falling = above.cummin(dim=-1).values
    edge = torch.ones_like(falling[..., :1])
    return torch.cat([edge, falling], dim=-1) - torch.cat([falling, 0 * edge], dim=-1)
