import torch
import torch.nn.functional as F

from pipeline.modeling.heads import Ordinal, predicted
from pipeline.modeling.losses.coral import CoralLoss

LOGITS = torch.tensor([[2.0, -1.0], [0.5, 0.1], [-3.0, -4.0]])


def test_it_sums_the_cross_entropies_of_all_boundaries() -> None:
    codes = torch.tensor([1, 2, 0])
    above = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    expected = F.binary_cross_entropy_with_logits(LOGITS, above, reduction="none").sum() / 3
    torch.testing.assert_close(CoralLoss()(LOGITS, codes, torch.ones(3)), expected)


def test_a_far_class_costs_more_than_a_near_one() -> None:
    young = torch.tensor([[-3.0, -6.0]])
    near, far = (CoralLoss()(young, torch.tensor([code]), torch.ones(1)) for code in (1, 2))
    assert far > near + 5


def test_logits_become_a_table_of_probabilities_even_where_thresholds_cross() -> None:
    table = predicted("ordinal", torch.tensor([[[2.0, -1.0]], [[-1.0, 2.0]]]))[:, 0]
    sigmoid = torch.tensor([2.0, -1.0]).sigmoid()
    torch.testing.assert_close(table[0], torch.stack([1 - sigmoid[0], sigmoid[0] - sigmoid[1], sigmoid[1]]))
    torch.testing.assert_close(table.sum(dim=1), torch.ones(2))
    assert (table >= 0).all()


def test_a_fresh_layer_holds_all_classes_equally_likely() -> None:
    table = predicted("ordinal", Ordinal(8, 3)(torch.zeros(1, 8))[:, None])[0, 0]
    torch.testing.assert_close(table, torch.full((3,), 1 / 3))


def test_the_layer_has_one_direction_for_all_boundaries() -> None:
    torch.manual_seed(0)
    layer = Ordinal(8, 3)
    first, second = layer(torch.randn(2, 8))
    assert torch.allclose(first - second, (first - second)[0])
