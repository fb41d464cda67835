import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.modeling.losses.cross_entropy import CrossEntropyLoss


def examples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, 3, generator=generator), torch.randint(3, (64,), generator=generator)


def test_with_rows_alike_it_is_pytorchs_own() -> None:
    logits, codes = examples()
    by_class = torch.tensor([1.0, 5.0, 0.2])
    found = CrossEntropyLoss(by_class, smoothing=0.1)(logits, codes, torch.ones(64))
    torch.testing.assert_close(found, F.cross_entropy(logits, codes, by_class, label_smoothing=0.1))


def test_a_heavier_class_is_pulled_harder() -> None:
    gradients = []
    for weight in (1.0, 10.0):
        logits = torch.zeros(2, 2, requires_grad=True)
        CrossEntropyLoss(torch.tensor([1.0, weight]))(logits, torch.tensor([0, 1]), torch.ones(2)).backward()
        assert logits.grad is not None
        gradients.append(logits.grad[1, 1] / logits.grad[0, 0])
    assert gradients[1] / gradients[0] == 10


def test_smoothing_asks_for_less_than_certainty() -> None:
    loss = CrossEntropyLoss(torch.ones(2), smoothing=0.2)
    sure, very_sure = torch.tensor([[2.2, 0.0]]), torch.tensor([[9.0, 0.0]])
    code, weight = torch.tensor([0]), torch.ones(1)
    assert loss(very_sure, code, weight) > loss(sure, code, weight)
