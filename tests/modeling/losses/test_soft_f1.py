import numpy as np
import pytest
import torch

from pipeline.modeling.losses.soft_f1 import SoftF1Loss
from pipeline.schema import metrics

CODES = torch.tensor([0, 0, 0, 1, 1, 2])


def test_of_certain_predictions_it_is_one_minus_macro_f1() -> None:
    predicted = torch.tensor([0, 1, 0, 1, 2, 2])
    certain = 1e4 * torch.eye(3)[predicted]
    score = metrics.macro_f1(metrics.confusion(CODES.numpy(), predicted.numpy(), 3))
    assert SoftF1Loss()(certain, CODES, torch.ones(6)).item() == pytest.approx(1 - score)


def test_a_class_that_the_batch_lacks_costs_nothing() -> None:
    certain = 1e4 * torch.eye(5)[CODES]
    assert SoftF1Loss()(certain, CODES, torch.ones(6)).item() == pytest.approx(0)


def test_a_rare_class_weighs_as_much_as_a_frequent_one() -> None:
    codes = torch.tensor([0] * 99 + [1])
    nearly_all_right = 1e4 * torch.eye(2)[torch.zeros(100, dtype=torch.int64)]
    assert SoftF1Loss()(nearly_all_right, codes, torch.ones(100)).item() > 0.5
    assert np.isclose(metrics.accuracy(metrics.confusion(codes.numpy(), np.zeros(100, dtype=np.int64), 2)), 0.99)
