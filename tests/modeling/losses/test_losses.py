"""losses: what all of them have in common."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.modeling import config, losses
from pipeline.modeling.losses.weights import class_weights

OF_CLASSES = (
    config.CrossEntropy(),
    config.CrossEntropy(class_weights="balanced", smoothing=0.1),
    config.Focal(class_weights=(1, 2, 3)),
    config.SoftF1(),
    config.ArcFace(),
    config.Mix(of=(config.Focal(), config.SoftF1())),
    config.Coral(),
)
OF_YEARS = (config.SmoothL1(), config.Mse())
TAUGHT = np.array([0] * 6 + [1] * 3 + [2])


def outputs(loss: config.Loss) -> Tensor:
    width = 2 if isinstance(loss, config.Coral) else 3
    return torch.randn(10, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("loss", OF_CLASSES, ids=lambda loss: loss.name)
def test_every_loss_of_classes_falls_along_its_gradient(loss: config.Loss) -> None:
    module, codes, weights = losses.create(loss, TAUGHT, 3), torch.from_numpy(TAUGHT), torch.ones(10)
    said = outputs(loss).requires_grad_()
    before = module(said, codes, weights)
    before.backward()
    assert said.grad is not None
    assert module(said - 0.1 * said.grad, codes, weights) < before


@pytest.mark.parametrize("loss", [*OF_CLASSES, *OF_YEARS], ids=lambda loss: loss.name)
def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_weight_zero_as_none(loss: config.Loss) -> None:
    module = losses.create(loss, TAUGHT, 3)
    said, train_targets = outputs(loss), torch.from_numpy(TAUGHT)
    if loss in OF_YEARS:
        said, train_targets = said[:, 0], train_targets.float()
    weights = torch.tensor([1.0, 2, 1, 0, 1, 1, 1, 1, 1, 1])
    rows = torch.tensor([0, 1, 1, 2, 4, 5, 6, 7, 8, 9])
    torch.testing.assert_close(
        module(said, train_targets, weights), module(said[rows], train_targets[rows], torch.ones(10))
    )


def test_balanced_weights_give_every_class_the_same_say() -> None:
    weights = class_weights("balanced", TAUGHT, 3).numpy()
    np.testing.assert_allclose(weights * np.bincount(TAUGHT), 10 / 3, rtol=1e-6)
    assert class_weights("balanced", TAUGHT[:9], 3).isfinite().all(), "a class that does not occur"


def test_losses_of_years_are_in_years() -> None:
    predicted, true, weights = torch.tensor([30.0, 40.0]), torch.tensor([30.5, 50.0]), torch.ones(2)
    assert losses.create(config.Mse(), TAUGHT, 3)(predicted, true, weights).item() == (0.25 + 100) / 2
    smooth = losses.create(config.SmoothL1(beta=1), TAUGHT, 3)
    assert smooth(predicted, true, weights).item() == (0.125 + 9.5) / 2


@pytest.mark.parametrize("loss", OF_CLASSES, ids=lambda loss: loss.name)
def test_a_batch_without_weight_has_a_finite_loss_and_no_gradient(loss: config.Loss) -> None:
    said = outputs(loss).requires_grad_()
    found = losses.create(loss, TAUGHT, 3)(said, torch.from_numpy(TAUGHT), torch.zeros(10))
    found.backward()
    assert found.isfinite()
    assert said.grad is not None
    assert (said.grad == 0).all()
