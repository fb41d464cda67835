"""CutMix and MixUp: each image of a batch is mixed with another image of the batch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.sampling import CutMix, MixUp

Partners = npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class Batch:
    """Images (n, height, width, 3) of 0..255: a share `lam` of each is of `rows` (n,), the rest of `partners` (n,)."""

    images: Tensor
    rows: Tensor
    partners: Tensor
    lam: float = 1

    def micro_batches(self, count: int) -> list["Batch"]:
        """Split the batch for gradient accumulation, into `count` parts or fewer.

        Every part has at least two images, as batch normalisation needs.
        """
        count = max(1, min(count, len(self.rows) // 2))
        images, rows, partners = (part.tensor_split(count) for part in (self.images, self.rows, self.partners))
        return [Batch(*part, self.lam) for part in zip(images, rows, partners, strict=True)]


def mix(images: Tensor, rows: Tensor, config: ModelConfig, seed: Sequence[int], partners: Partners = None) -> Batch:
    """Apply CutMix, MixUp or neither to a batch, with the probabilities of the configuration.

    Args:
        images: Images (n, height, width, 3) of 0..255.
        rows: Their rows (n,).
        config: The model's configuration.
        seed: Seed of this batch's random numbers.
        partners: Whether each row of the data may be a partner in CutMix; all may by default. A batch without such a
            row is not cut.
    """
    batch = Batch(images, rows, rows)
    random = np.random.default_rng(seed)
    if config.cutmix is not None and random.random() < config.cutmix.probability:
        return _cutmix(batch, config.cutmix, random, partners)
    if config.mixup is not None and random.random() < config.mixup.probability:
        return _mixup(batch, config.mixup, random)
    return batch


def _cutmix(batch: Batch, cutmix: CutMix, random: np.random.Generator, allowed: Partners) -> Batch:
    """Yun et al., CutMix, 2019, https://arxiv.org/abs/1905.04899, algorithm 1 of its appendix."""
    _, height, width, _ = batch.images.shape
    partners = _partners(batch, random) if allowed is None else _allowed_partners(batch, random, allowed)
    if not len(partners):
        return batch
    rows, columns = _half(height, width, random) if cutmix.half else _box(height, width, cutmix.alpha, random)
    images = batch.images.clone()
    images[:, rows, columns] = batch.images[partners][:, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return replace(batch, images=images, partners=batch.rows[partners], lam=1 - area / (height * width))


def _mixup(batch: Batch, mixup: MixUp, random: np.random.Generator) -> Batch:
    """Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018, https://arxiv.org/abs/1710.09412, equation 1."""
    partners = _partners(batch, random)
    lam = float(random.beta(mixup.alpha, mixup.alpha))
    images = torch.lerp(batch.images[partners].float(), batch.images.float(), lam)
    return replace(batch, images=images, partners=batch.rows[partners], lam=lam)


def _partners(batch: Batch, random: np.random.Generator) -> Tensor:
    return torch.from_numpy(random.permutation(len(batch.rows))).to(batch.images.device)


def _allowed_partners(batch: Batch, random: np.random.Generator, allowed: npt.NDArray[np.bool_]) -> Tensor:
    """A random one of the allowed images for every image (n,); none where the batch has no such image."""
    found = np.flatnonzero(allowed[batch.rows.cpu().numpy()])
    drawn = random.choice(found, len(batch.rows)) if len(found) else found
    return torch.from_numpy(drawn).to(batch.images.device)


def _half(height: int, width: int, random: np.random.Generator) -> tuple[slice, slice]:
    return slice(0, height), slice(0, width // 2) if random.random() < 0.5 else slice(width // 2, width)


def _box(height: int, width: int, alpha: float, random: np.random.Generator) -> tuple[slice, slice]:
    """A box with the image's aspect ratio around a random centre, clipped at the borders."""
    side = math.sqrt(1 - random.beta(alpha, alpha))
    return _span(height, side, random), _span(width, side, random)


def _span(length: int, side: float, random: np.random.Generator) -> slice:
    centre, reach = random.integers(length), round(side * length) // 2
    return slice(max(0, int(centre) - reach), min(length, int(centre) + reach))
