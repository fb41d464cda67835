"""Probabilities with a known truth: what a calibrated model says of people whose features are normal."""

from typing import NamedTuple

import numpy as np

from pipeline.ensembling.shift_estimators import Predicted
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes

PICTURES = 7
TRAIN = np.array([0.47, 0.45, 0.08])
SHIFTED = np.array([0.38, 0.35, 0.27])


class Sample(NamedTuple):
    """Photos of people, seven each: their codes (n,), probabilities (n, k) and persons (n,)."""

    targets: Codes
    probabilities: Table
    people: Codes


def people(count: int, mix: Table, train: Table, apart: float = 2.0, seed: int = 0, sure: float = 1.0) -> Sample:
    """People of a `mix`, as a model reads them that has learned of `train`.

    Features are normal with unit variance, half of it the person's own, and `apart` for the true value, so the
    probabilities are the true ones. `sure` multiplies the logits: 1 is calibrated.
    """
    draw = np.random.default_rng(seed)
    values = len(mix)
    codes = np.repeat(draw.choice(values, count, p=mix), PICTURES)
    shared = np.repeat(draw.normal(size=(count, values)), PICTURES, axis=0)
    features = apart * np.eye(values)[codes] + (shared + draw.normal(size=shared.shape)) / np.sqrt(2)
    logits = sure * (apart * features + np.log(train))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Sample(codes, powers / powers.sum(axis=1, keepdims=True), np.repeat(np.arange(count), PICTURES))


def evidence(seen: Sample, unseen: Sample) -> Predicted:
    """One model's out-of-fold and eval predictions."""
    return Predicted(seen.probabilities, seen.targets, seen.people, unseen.probabilities[None])


def simulated(mix: Table = SHIFTED, apart: float = 2, sure: float = 1, seed: int = 0, count: int = 600) -> Predicted:
    """As many people in train as `count`, half as many in an eval of another mix."""
    seen = people(count, TRAIN, TRAIN, apart, 2 * seed, sure)
    return evidence(seen, people(count // 2, mix, TRAIN, apart, 2 * seed + 1, sure))
