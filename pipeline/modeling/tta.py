"""Test-time augmentation: the variants of an image, and the mean of their outputs."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.modeling.config import TTA
from pipeline.modeling.config.losses import Kind
from pipeline.modeling.heads import predicted


def variants(images: Tensor, tta: TTA, plain: bool) -> list[Tensor]:
    """Images (n, height, width, 3), their five crops if `plain`, and the flip of each of these."""
    found = [images]
    if plain and tta.five_crop is not None:
        found += _five_crop(images, tta.five_crop)
    if tta.flip:
        found += [image.flip(2) for image in found]
    return found


def weights(tta: TTA) -> Tensor:
    """Weights (v,) of all variants: first those of the plain image, then those of each augmented image."""
    plain = [tta.clean] + [1] * (0 if tta.five_crop is None else 5)
    sides = 2 if tta.flip else 1
    return torch.tensor(plain * sides + [1] * sides * tta.augmented, dtype=torch.float32)


def mean(outputs: Tensor, kind: Kind, tta: TTA) -> Tensor:
    """Weighted mean over the variants of outputs (n, v, ...), of probabilities or of logits.

    Returns:
        Probabilities (n, classes) or (n, years), or years (n,).
    """
    if tta.average == "logits":
        return predicted(kind, _weighted_mean(outputs.float(), weights(tta)).unsqueeze(1)).squeeze(1)
    return _weighted_mean(predicted(kind, outputs), weights(tta))


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    weights = weights.to(values.device).view(1, -1, *[1] * (values.ndim - 2))
    return (values * weights).sum(dim=1) / weights.sum()


def _five_crop(images: Tensor, scale: float) -> list[Tensor]:
    """Crops of the corners and the centre, each resized to the size of the whole image, as float."""
    _, height, width, _ = images.shape
    tall, wide = round(scale * height), round(scale * width)
    down, right = height - tall, width - wide
    places = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    planes = images.permute(0, 3, 1, 2).float()
    cuts = [planes[:, :, top : top + tall, left : left + wide] for top, left in places]
    return [F.interpolate(cut, (height, width), mode="bilinear").permute(0, 2, 3, 1) for cut in cuts]
