import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline import entries
from pipeline.vision import losses
from pipeline.vision.losses.focal import FocalLoss


def examples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, 3, generator=generator), torch.randint(3, (64,), generator=generator)


def test_focal_loss_with_gamma_0_equals_cross_entropy() -> None:
    logits, codes = examples()
    torch.testing.assert_close(FocalLoss(0)(logits, codes), F.cross_entropy(logits, codes))


def test_focal_loss_is_the_formula_of_the_paper() -> None:
    logits, codes = examples()
    probability = logits.softmax(1)[range(64), codes]
    torch.testing.assert_close(FocalLoss(2)(logits, codes), (-((1 - probability) ** 2) * probability.log()).mean())


def test_gamma_looks_away_from_easy_pictures() -> None:
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    code = torch.tensor([0])
    kept = [FocalLoss(2)(logits, code) / FocalLoss(0)(logits, code) for logits in (easy, hard)]
    assert kept[0] < 0.001
    assert kept[1] > 0.9


def test_every_loss_of_params_can_be_made_and_has_a_gradient() -> None:
    logits, codes = examples()
    for loss in (entries.CrossEntropy(), entries.Focal(name="focal")):
        outputs = logits.clone().requires_grad_()
        losses.create(loss)(outputs, codes).backward()
        assert outputs.grad is not None
        assert outputs.grad.abs().sum() > 0


def test_losses_of_years_are_in_years() -> None:
    predicted, true = torch.tensor([30.0, 40.0]), torch.tensor([30.5, 50.0])
    assert losses.create(entries.Mse(name="mse"))(predicted, true).item() == (0.25 + 100) / 2
    assert losses.create(entries.SmoothL1(name="smooth_l1", beta=1))(predicted, true).item() == (0.125 + 9.5) / 2
