"""The losses of heads: `create` makes the one that a head's configuration names.

A loss is a module from outputs, targets (n,) and row weights (n,) to a scalar: the mean over rows by their weights.
`by_row` is the loss (n,) of every row, without weights of classes, by which rows may be left out.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.modeling.config import losses as config
from pipeline.schema.probabilities import YEARS, band_table

TrainTargets = npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]]

EPSILON = 1e-12


class RowLoss(nn.Module, ABC):
    """A loss that rows have: its value is the mean of their losses by their weights."""

    @abstractmethod
    def by_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Outputs (n, ...) and targets (n,) to losses (n,), without weights of classes."""

    def forward(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Outputs (n, ...), targets (n,) and row weights (n,) to a loss ()."""
        return weighted_mean(self.by_row(outputs, targets), weights)


def create(loss: config.Loss, targets: TrainTargets, classes: int) -> RowLoss:
    """The loss of a head.

    Args:
        loss: The loss that the head's configuration names.
        targets: Class codes or years (n,) of all training rows, from which `balanced` class weights are computed.
        classes: Number of classes of the head.

    Returns:
        A module from outputs (n, ...), targets (n,) and row weights (n,) to a loss ().
    """
    match loss:
        case config.CrossEntropy(smoothing=smoothing):
            return CrossEntropyLoss(class_weights(loss.class_weights, targets, classes), smoothing)
        case config.Focal(gamma=gamma):
            return FocalLoss(gamma, class_weights(loss.class_weights, targets, classes))
        case config.SoftF1():
            return SoftF1Loss()
        case config.ArcFace(margin=margin, scale=scale):
            return ArcFaceLoss(margin, scale)
        case config.Mix(of=parts, weights=weights):
            return MixtureLoss([create(part, targets, classes) for part in parts], weights)
        case _:
            return _of_age(loss)


def _of_age(loss: config.Coral | config.Dldl | config.SmoothL1 | config.Mse) -> RowLoss:
    match loss:
        case config.Coral():
            return CoralLoss()
        case config.Dldl(std=std, expectation=expectation):
            return DldlLoss(std, expectation)
        case config.SmoothL1(beta=beta):
            return SmoothL1Loss(beta)
        case config.Mse():
            return MseLoss()


class CrossEntropyLoss(RowLoss):
    """Mean of ``-log p``, p the probability of the true class, by the weights of class and row.

    With `smoothing` the target is mixed with the uniform distribution: Szegedy et al., Rethinking the Inception
    Architecture for Computer Vision, 2016, https://arxiv.org/abs/1512.00567, section 7.
    """

    class_weights: Tensor

    def __init__(self, class_weights: Tensor, smoothing: float = 0) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self.smoothing = smoothing

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss ()."""
        losses = F.cross_entropy(logits, codes, self.class_weights, reduction="none", label_smoothing=self.smoothing)
        return (losses * weights).sum() / (self.class_weights[codes] * weights).sum().clamp(min=EPSILON)

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, classes) and codes (n,) to losses (n,)."""
        return F.cross_entropy(logits, codes, reduction="none", label_smoothing=self.smoothing)


class FocalLoss(RowLoss):
    """Mean of ``(1 - p)^gamma * -log p``, p the probability of the true class, by the weights of class and row.

    Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002, equation 5; the class
    weights are its alpha. With gamma 0 it is cross entropy.
    """

    class_weights: Tensor

    def __init__(self, gamma: float, class_weights: Tensor) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("class_weights", class_weights)

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss ()."""
        return super().forward(logits, codes, self.class_weights[codes] * weights)

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, classes) and codes (n,) to losses (n,)."""
        log_probability = F.log_softmax(logits, dim=1).gather(1, codes[:, None]).squeeze(1)
        missing = (1 - log_probability.exp()).clamp(min=EPSILON)  # the gradient of a power below 1 is infinite at 0
        return -(missing**self.gamma * log_probability)


class SoftF1Loss(RowLoss):
    """One minus the macro F1 of a batch, with probabilities in place of counts.

    Pastor-Pellicer et al., F-Measure as the Error Function to Train Neural Networks, 2013,
    https://doi.org/10.1007/978-3-642-38679-4_37. The mean leaves out the classes that the batch lacks:
    their F1 is 0 whatever the network predicts.
    """

    def forward(self, logits: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
        """Logits (n, classes), codes (n,) and row weights (n,) to a loss () of 0..1."""
        right = F.one_hot(codes, logits.shape[1])
        predicted = logits.softmax(dim=1) * weights[:, None]
        true = right * weights[:, None]
        f1 = 2 * (predicted * right).sum(dim=0) / (predicted + true).sum(dim=0).clamp(min=EPSILON)
        return 1 - f1.sum() / (true.sum(dim=0) > 0).sum().clamp(min=1)

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:  # noqa: ARG002  (the other losses' interface)
        """Losses (n,) of 0: the loss is of the whole batch, and no row has one of its own."""
        return logits.new_zeros(len(logits))


class ArcFaceLoss(RowLoss):
    """Cross entropy of ``scale * cos(angle + margin)`` for the true class and ``scale * cos(angle)`` for the others.

    Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, 2019,
    https://arxiv.org/abs/1801.07698, equation 3. Where angle + margin would exceed pi, and its cosine rise again, the
    authors' code goes on with ``cos(angle) - margin * sin(margin)``. With margin 0 it is cross entropy.
    """

    def __init__(self, margin: float, scale: float) -> None:
        super().__init__()
        self.margin = margin
        self.scale = scale

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, classes) = scale * cosine and codes (n,) to losses (n,)."""
        cosine = (logits.gather(1, codes[:, None]) / self.scale).clamp(-1, 1)
        sine = (1 - cosine**2).clamp(min=1e-12).sqrt()  # its gradient at 0 would be infinite
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cosine - self.margin * math.sin(self.margin)
        right = torch.where(cosine > -math.cos(self.margin), turned, beyond)
        return F.cross_entropy(logits.scatter(1, codes[:, None], self.scale * right), codes, reduction="none")


class MixtureLoss(RowLoss):
    """The sum of losses, each times its weight."""

    def __init__(self, losses: Sequence[RowLoss], weights: Sequence[float]) -> None:
        super().__init__()
        self.losses: Any = nn.ModuleList(losses)  # torch's stubs forget that each is a RowLoss
        self.weights = tuple(weights)

    def forward(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Outputs (n, ...), targets (n,) and row weights (n,) to a loss ()."""
        parts = zip(self.losses, self.weights, strict=True)
        return torch.stack([weight * loss(outputs, targets, weights) for loss, weight in parts]).sum()

    def by_row(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Outputs (n, ...) and targets (n,) to losses (n,)."""
        parts = zip(self.losses, self.weights, strict=True)
        return torch.stack([weight * loss.by_row(outputs, targets) for loss, weight in parts]).sum(dim=0)


class CoralLoss(RowLoss):
    """Mean over rows of the summed binary cross entropies of "the class is above k", for every k but the last.

    Cao, Mirjalili and Raschka, Rank consistent ordinal regression for neural networks with application to age
    estimation, 2020, https://arxiv.org/abs/1901.07884, equation 5.
    """

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, classes - 1) of being above each class and codes (n,) to losses (n,)."""
        above = codes[:, None] > torch.arange(logits.shape[1], device=codes.device)
        return F.binary_cross_entropy_with_logits(logits, above.to(logits.dtype), reduction="none").sum(dim=1)


class DldlLoss(RowLoss):
    """Kullback-Leibler divergence from the soft label, plus `expectation` times the error of the expectation in years.

    Gao et al., Age Estimation Using Expectation of Label Distribution Learning (DLDL-v2), 2018,
    https://doi.org/10.24963/ijcai.2018/99. The soft label is a normal distribution about the age, here as its
    probability of every year. The first and the last year stand for all ages beyond: they take the tails, and a
    label of such a year, which gives a bound and no age, is all of that year.
    """

    soft_labels: Tensor
    years: Tensor

    def __init__(self, std: float, expectation: float) -> None:
        super().__init__()
        self.expectation = expectation
        self.register_buffer("soft_labels", soft_labels(std))
        self.register_buffer("years", torch.from_numpy(YEARS).float())

    def by_row(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Logits (n, years) and codes of years (n,) to losses (n,)."""
        log_probabilities = F.log_softmax(logits, dim=1)
        divergence = F.kl_div(log_probabilities, self.soft_labels[codes], reduction="none").sum(dim=1)
        error = (log_probabilities.exp() @ self.years - self.years[codes]).abs()
        return divergence + self.expectation * error


class SmoothL1Loss(RowLoss):
    """Mean over rows of ``error^2 / (2 beta)`` below `beta` years and ``error - beta / 2`` above.

    Girshick, Fast R-CNN, 2015, https://arxiv.org/abs/1504.08083, equation 3.
    """

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def by_row(self, predicted: Tensor, years: Tensor) -> Tensor:
        """Predicted years (n,) and years (n,) to losses (n,)."""
        return F.smooth_l1_loss(predicted, years, beta=self.beta, reduction="none")


class MseLoss(RowLoss):
    """Mean over rows of the squared error."""

    def by_row(self, predicted: Tensor, years: Tensor) -> Tensor:
        """Predicted years (n,) and years (n,) to losses (n,)."""
        return F.mse_loss(predicted, years, reduction="none")


@torch.no_grad()
def trimmed(weights: Tensor, loss: RowLoss, outputs: Tensor, targets: Tensor, share: float) -> Tensor:
    """Row weights (n,), with 0 for the given share of the rows, rounded down, that have the largest losses.

    Of a batch the rows of small loss teach: Han et al., Co-teaching: Robust Training of Deep Neural Networks with
    Extremely Noisy Labels, 2018, https://arxiv.org/abs/1804.06872, algorithm 1, here of one network, as in Shen and
    Sanghavi, Learning with Bad Training Data via Iterative Trimmed Loss Minimization, 2019,
    https://arxiv.org/abs/1810.11874.
    """
    kept = len(weights) - int(share * len(weights))
    smallest = loss.by_row(outputs, targets).argsort(stable=True)[:kept]
    return torch.zeros_like(weights).scatter(0, smallest, weights[smallest])


def soft_cross_entropy(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Losses (n,) of logits (n, k) for target probabilities (n, k) of every class or year: mean of ``-log p``."""
    return -(probabilities * F.log_softmax(logits, dim=1)).sum(dim=1)


def soft_labels(std: float) -> Tensor:
    """Soft labels (years, years): in row k the probability of every year for a label of `YEARS[k]`."""
    years = YEARS.astype(np.float64)
    table = band_table(years, std, years[1:] - 0.5)
    table[[0, -1]] = np.eye(len(YEARS))[[0, -1]]
    return torch.from_numpy(table).float()


def class_weights(setting: config.ClassWeights, codes: TrainTargets, classes: int) -> Tensor:
    """Weights (classes,): the given ones, 1 for each class, or `balanced`: rows / (classes * rows of the class)."""
    if setting is None:
        return torch.ones(classes)
    if setting == "balanced":
        counts = np.bincount(codes.astype(np.int64), minlength=classes)
        return torch.from_numpy(len(codes) / (classes * np.maximum(counts, 1))).float()
    return torch.tensor(setting)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean () of losses (n,) by the weights (n,) of their rows; 0 when all weights are 0."""
    return (losses * weights).sum() / weights.sum().clamp(min=EPSILON)
