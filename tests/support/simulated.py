"""Simulated probabilities with a known truth: a calibrated model on people with normal features."""

from typing import NamedTuple

import numpy as np

from pipeline.ensembling.shift_estimators import ShiftSample
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

PHOTOS = 7
TRAIN = np.array([0.47, 0.45, 0.08])
SHIFTED = np.array([0.38, 0.35, 0.27])


class Sample(NamedTuple):
    """Photos of people, seven each: their codes (n,), probabilities (n, k) and persons (n,)."""

    targets: Codes
    probabilities: Table
    people: Codes


def people(count: int, priors: Table, train: Table, apart: float = 2.0, seed: int = 0, sure: float = 1.0) -> Sample:
    """People with class priors `priors`, predicted by a model trained under the priors `train`.

    Features are normal with unit variance, half of it shared by a person's photos, and mean `apart` for the true
    value, so the probabilities are the true posteriors. `sure` multiplies the logits: 1 is calibrated.
    """
    draw = np.random.default_rng(seed)
    values = len(priors)
    codes = np.repeat(draw.choice(values, count, p=priors), PHOTOS)
    shared = np.repeat(draw.normal(size=(count, values)), PHOTOS, axis=0)
    features = apart * np.eye(values)[codes] + (shared + draw.normal(size=shared.shape)) / np.sqrt(2)
    logits = sure * (apart * features + np.log(train))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Sample(codes, powers / powers.sum(axis=1, keepdims=True), np.repeat(np.arange(count), PHOTOS))


def shift_sample(train: Sample, evaluated: Sample) -> ShiftSample:
    """One model's out-of-fold and eval predictions."""
    return ShiftSample(train.probabilities, train.targets, train.people, evaluated.probabilities[None])


def simulated(
    priors: Table = SHIFTED, apart: float = 2, sure: float = 1, seed: int = 0, count: int = 600
) -> ShiftSample:
    """`count` people in train, and half as many in an eval with other priors."""
    train = people(count, TRAIN, TRAIN, apart, 2 * seed, sure)
    return shift_sample(train, people(count // 2, priors, TRAIN, apart, 2 * seed + 1, sure))
