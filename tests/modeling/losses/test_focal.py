import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.modeling.losses.focal import FocalLoss

ALIKE = torch.ones(3)


def examples() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, 3, generator=generator), torch.randint(3, (64,), generator=generator), torch.ones(64)


def test_focal_loss_with_gamma_0_equals_cross_entropy_whatever_the_class_weights() -> None:
    logits, codes, weights = examples()
    for by_class in (ALIKE, torch.tensor([1.0, 5.0, 0.2])):
        expected = F.cross_entropy(logits, codes, by_class)
        torch.testing.assert_close(FocalLoss(0, by_class)(logits, codes, weights), expected)


def test_focal_loss_is_the_formula_of_the_paper() -> None:
    logits, codes, weights = examples()
    probability = logits.softmax(1)[range(64), codes]
    expected = (-((1 - probability) ** 2) * probability.log()).mean()
    torch.testing.assert_close(FocalLoss(2, ALIKE)(logits, codes, weights), expected)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_a_picture_that_cannot_be_easier_has_a_gradient_of_zero(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    loss = FocalLoss(gamma, ALIKE)(logits, torch.tensor([0]), torch.ones(1))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient, torch.zeros(1, 3))


def test_gamma_looks_away_from_easy_pictures() -> None:
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    code, weight = torch.tensor([0]), torch.ones(1)
    kept = [
        FocalLoss(2, torch.ones(2))(logits, code, weight) / FocalLoss(0, torch.ones(2))(logits, code, weight)
        for logits in (easy, hard)
    ]
    assert kept[0] < 0.001
    assert kept[1] > 0.9
