"""The layers of the heads, and the predictions that their outputs stand for."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.config import Head
from pipeline.modeling.config.losses import ArcFace, Kind, parts
from pipeline.schema.probabilities import YEARS
from pipeline.schema.schema import SCHEMA

YEARS_CENTRE, YEARS_SCALE = 40.0, 20.0  # an untrained layer, whose outputs are near 0, predicts plausible ages


def create(name: str, head: Head, features: int) -> nn.Module:
    """Create the layer of a head.

    Args:
        name: Name of the head, its product of attributes.
        head: Configuration of the head.
        features: Number of features that the backbone gives.

    Returns:
        A module from features (n, features) to logits (n, classes), to the logits (n, classes - 1) of being above each
        ordered class but the last or (n, years) of every year, or to years (n,), by the classes of another head
        (n, classes).
    """
    match head.kind:
        case "regression":
            return Years(features, classes(head.by) if head.by else 1)
        case "ordinal":
            return Ordinal(features, classes(name))
        case "distribution":
            return nn.Linear(features, len(YEARS))
    scales = [part.scale for part in parts(head.loss) if isinstance(part, ArcFace)]
    return CosineClassifier(features, classes(name), scales[0]) if scales else nn.Linear(features, classes(name))


def classes(name: str) -> int:
    """Number of classes of a head, the product over its attributes."""
    return SCHEMA.head(name).classes


def expected(outputs: Mapping[str, Tensor], heads: Mapping[str, Head]) -> dict[str, Tensor]:
    """Outputs (n, views, ...) of all heads, in which years by the classes of another head are their mean (n, views).

    The mean is weighted by the probabilities that the other head predicts for the same image.
    """
    return {
        name: (outputs[head.by].float().softmax(dim=-1) * outputs[name].float()).sum(dim=-1)
        if head.by
        else outputs[name]
        for name, head in heads.items()
    }


def of_class(years: Tensor, codes: Tensor) -> Tensor:
    """From years (n, classes), those (n,) of the class (n,) of each row."""
    return years.gather(1, codes.unsqueeze(1)).squeeze(1)


def predicted(kind: Kind, outputs: Tensor) -> Tensor:
    """Convert outputs (n, views, ...) of a head to probabilities (n, views, classes or years) or years (n, views)."""
    match kind:
        case "classes" | "distribution":
            return outputs.float().softmax(dim=-1)
        case "ordinal":
            return _between(outputs.float().sigmoid())
        case "regression":
            return outputs.float()


class Years(nn.Linear):
    """A linear layer for age in years, or one for each class of another head."""

    def forward(self, features: Tensor) -> Tensor:
        """Convert features (n, features) to years (n,), or (n, classes)."""
        return YEARS_CENTRE + YEARS_SCALE * super().forward(features).squeeze(1)


class Ordinal(nn.Module):
    """The CORAL layer: one score, and a threshold for every boundary between ordered classes.

    Cao, Mirjalili and Raschka 2020, https://arxiv.org/abs/1901.07884, section 3.3. Initially a score of 0 makes all
    classes equally likely; with equal thresholds a class in the middle would not be predicted for many epochs.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1, bias=False)
        self.thresholds = nn.Parameter(torch.logit(torch.arange(classes - 1, 0, -1) / classes))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, features) to the logits (n, classes - 1) of being above each class but the last."""
        scores: Tensor = self.score(features)
        return scores + self.thresholds


class CosineClassifier(nn.Module):
    """The layer for ArcFace: the cosine between the features and the direction of every class, times a scale."""

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(classes, features)))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, features) to logits (n, classes) of -scale..scale."""
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))


def _between(above: Tensor) -> Tensor:
    """Probabilities (..., classes) from those (..., classes - 1) of being above each class; crossed ones merge."""
    falling = above.cummin(dim=-1).values
    edge = torch.ones_like(falling[..., :1])
    return torch.cat([edge, falling], dim=-1) - torch.cat([falling, 0 * edge], dim=-1)
