import math
from itertools import pairwise

import torch
import torch.nn.functional as F

from pipeline.modeling.heads import Cosine
from pipeline.modeling.losses.arcface import ArcFaceLoss

SCALE = 5.0


def logits(degrees: list[list[float]]) -> torch.Tensor:
    return SCALE * torch.tensor(degrees).deg2rad().cos()


def test_without_a_margin_it_is_cross_entropy() -> None:
    found, codes = logits([[20, 80], [70, 60]]), torch.tensor([0, 0])
    torch.testing.assert_close(ArcFaceLoss(0, SCALE)(found, codes, torch.ones(2)), F.cross_entropy(found, codes))


def test_the_right_class_must_win_by_the_margin() -> None:
    loss, codes = ArcFaceLoss(math.radians(30), SCALE), torch.tensor([0])
    turned = F.cross_entropy(logits([[50, 50]]), codes)
    torch.testing.assert_close(loss(logits([[20, 50]]), codes, torch.ones(1)), turned)


def test_the_loss_rises_with_the_angle_up_to_half_a_circle_with_finite_gradients() -> None:
    degrees = torch.linspace(0, 180, 50)
    found = (SCALE * torch.stack([degrees.deg2rad().cos(), torch.zeros(50)], dim=1)).requires_grad_()
    losses = [ArcFaceLoss(0.5, SCALE)(found[row : row + 1], torch.tensor([0]), torch.ones(1)) for row in range(50)]
    assert all(lower < higher for lower, higher in pairwise(losses))
    torch.autograd.backward(losses)
    assert found.grad is not None
    assert found.grad.isfinite().all()


def test_its_layer_sees_angles_alone() -> None:
    torch.manual_seed(0)
    layer, features = Cosine(8, 3, SCALE), torch.randn(5, 8)
    torch.testing.assert_close(layer(features), layer(100 * features))
    assert (layer(torch.randn(1000, 8)).abs() <= SCALE + 1e-4).all()
