import torch

from pipeline.modeling.losses.coral import CoralLoss
from pipeline.modeling.losses.mixture import MixtureLoss
from pipeline.modeling.losses.soft_f1 import SoftF1Loss


def test_a_mixture_is_the_weighted_sum_of_its_losses() -> None:
    given = (
        torch.randn(6, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 0, 1, 2]),
        torch.ones(6),
    )
    parts = [SoftF1Loss(), CoralLoss()]
    expected = 0.7 * parts[0](*given) + 0.3 * parts[1](*given)
    torch.testing.assert_close(MixtureLoss(parts, (0.7, 0.3))(*given), expected)
