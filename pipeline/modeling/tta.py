"""What a network looks at to answer for a image, and the mean of what it says."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.modeling.config import TTA
from pipeline.modeling.config.losses import Kind
from pipeline.modeling.heads import predicted


def looks(images: Tensor, views: TTA, plain: bool) -> list[Tensor]:
    """All views of images (n, height, width, 3): crops only of plain ones, and each in the mirror too."""
    seen = [images]
    if plain and views.five_crop is not None:
        seen += _five_crop(images, views.five_crop)
    if views.flip:
        seen += [image.flip(2) for image in seen]
    return seen


def weights(views: TTA) -> Tensor:
    """Weights (looks,) of all looks, in the order of `looks` of the plain and then of each augmented image."""
    plain = [views.clean] + [1] * (0 if views.five_crop is None else 5)
    sides = 2 if views.flip else 1
    return torch.tensor(plain * sides + [1] * sides * views.augmented, dtype=torch.float32)


def mean(outputs: Tensor, kind: Kind, views: TTA) -> Tensor:
    """The answer (n, classes) or years (n,) of outputs (n, looks, ...), as probabilities or as logits averaged."""
    if views.average == "logits":
        return predicted(kind, _weighted(outputs.float(), weights(views)).unsqueeze(1)).squeeze(1)
    return _weighted(predicted(kind, outputs), weights(views))


def _weighted(values: Tensor, by: Tensor) -> Tensor:
    by = by.to(values.device).view(1, -1, *[1] * (values.ndim - 2))
    return (values * by).sum(dim=1) / by.sum()


def _five_crop(images: Tensor, share: float) -> list[Tensor]:
    """The corners and the centre, each made as large as the whole; float."""
    _, height, width, _ = images.shape
    tall, wide = round(share * height), round(share * width)
    down, right = height - tall, width - wide
    places = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    planes = images.permute(0, 3, 1, 2).float()
    cuts = [planes[:, :, top : top + tall, left : left + wide] for top, left in places]
    return [F.interpolate(cut, (height, width), mode="bilinear").permute(0, 2, 3, 1) for cut in cuts]
