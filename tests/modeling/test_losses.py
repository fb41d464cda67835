import math
from itertools import pairwise
from statistics import NormalDist
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.modeling.config import losses as config
from pipeline.modeling.heads import CosineClassifier, Ordinal, predicted
from pipeline.modeling.losses import (
    ArcFaceLoss,
    CoralLoss,
    CrossEntropyLoss,
    DldlLoss,
    FocalLoss,
    MixtureLoss,
    SoftF1Loss,
    class_weights,
    create,
    soft_labels,
    trimmed,
)
from pipeline.schema import metrics
from pipeline.schema.probabilities import YEARS, likeliest
from pipeline.schema.schema import band

OF_CLASSES = (
    config.CrossEntropy(),
    config.CrossEntropy(class_weights="balanced", smoothing=0.1),
    config.Focal(class_weights=(1, 2, 3)),
    config.SoftF1(),
    config.ArcFace(),
    config.Mix(of=(config.Focal(), config.SoftF1())),
    config.Coral(),
    config.Dldl(),
)
OF_YEARS = (config.SmoothL1(), config.Mse())
TARGETS = np.array([0] * 6 + [1] * 3 + [2])


def test_every_loss_that_a_configuration_may_name_is_tested_here() -> None:
    union = get_args(get_args(config.Loss)[0])
    assert {type(loss) for loss in (*OF_CLASSES, *OF_YEARS)} == set(union)


def outputs(loss: config.Loss) -> Tensor:
    width = len(YEARS) if isinstance(loss, config.Dldl) else 2 if isinstance(loss, config.Coral) else 3
    return torch.randn(10, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("loss", OF_CLASSES, ids=lambda loss: loss.name)
def test_every_loss_of_classes_falls_along_its_gradient(loss: config.Loss) -> None:
    module, codes, weights = create(loss, TARGETS, 3), torch.from_numpy(TARGETS), torch.ones(10)
    logits = outputs(loss).requires_grad_()
    before = module(logits, codes, weights)
    before.backward()
    assert logits.grad is not None
    assert module(logits - 0.1 * logits.grad, codes, weights) < before


@pytest.mark.parametrize("loss", [*OF_CLASSES, *OF_YEARS], ids=lambda loss: loss.name)
def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_weight_zero_as_none(loss: config.Loss) -> None:
    module = create(loss, TARGETS, 3)
    logits, targets = outputs(loss), torch.from_numpy(TARGETS)
    if loss in OF_YEARS:
        logits, targets = logits[:, 0], targets.float()
    weights = torch.tensor([1.0, 2, 1, 0, 1, 1, 1, 1, 1, 1])
    rows = torch.tensor([0, 1, 1, 2, 4, 5, 6, 7, 8, 9])
    torch.testing.assert_close(module(logits, targets, weights), module(logits[rows], targets[rows], torch.ones(10)))


def test_balanced_weights_give_every_class_the_same_say() -> None:
    weights = class_weights("balanced", TARGETS, 3).numpy()
    np.testing.assert_allclose(weights * np.bincount(TARGETS), 10 / 3, rtol=1e-6)
    assert class_weights("balanced", TARGETS[:9], 3).isfinite().all(), "a class that does not occur"


def test_losses_of_years_are_in_years() -> None:
    predicted, true, weights = torch.tensor([30.0, 40.0]), torch.tensor([30.5, 50.0]), torch.ones(2)
    assert create(config.Mse(), TARGETS, 3)(predicted, true, weights).item() == (0.25 + 100) / 2
    smooth = create(config.SmoothL1(beta=1), TARGETS, 3)
    assert smooth(predicted, true, weights).item() == (0.125 + 9.5) / 2


@pytest.mark.parametrize("loss", [*OF_CLASSES, *OF_YEARS], ids=lambda loss: loss.name)
def test_a_loss_is_the_mean_of_those_of_its_rows_where_classes_weigh_the_same(loss: config.Loss) -> None:
    changed = loss.model_copy(update={"class_weights": None} if "class_weights" in type(loss).model_fields else {})
    module = create(changed, TARGETS, 3)
    found, targets = outputs(loss), torch.from_numpy(TARGETS)
    if loss in OF_YEARS:
        found, targets = found[:, 0], targets.float()
    by_row = module.by_row(found, targets)
    assert by_row.shape == (10,)
    if isinstance(loss, config.SoftF1):
        assert not by_row.any()
    elif not isinstance(loss, config.Mix):
        torch.testing.assert_close(module(found, targets, torch.ones(10)), by_row.mean())


def test_a_share_of_the_rows_with_the_largest_losses_has_no_weight() -> None:
    predicted, years = torch.tensor([30.0, 40, 50, 60, 20]), torch.tensor([30.0, 49, 50, 30, 21])
    loss, weights = create(config.Mse(), TARGETS, 3), torch.tensor([1.0, 2, 3, 4, 5])
    for share, expected in ((0, weights), (0.2, [1, 2, 3, 0, 5]), (0.39, [1, 2, 3, 0, 5]), (0.4, [1, 0, 3, 0, 5])):
        assert trimmed(weights, loss, predicted, years, share).tolist() == list(expected)


def test_the_mix_of_a_team_is_two_fifths_soft_f1_and_three_fifths_focal() -> None:
    mix = config.Mix(of=("soft_f1", "focal"), weights=(0.4, 0.6))
    (logits, codes), ones = examples(), torch.ones(64)
    expected = 0.4 * SoftF1Loss()(logits, codes, ones) + 0.6 * FocalLoss(2, ALIKE)(logits, codes, ones)
    torch.testing.assert_close(create(mix, codes.numpy(), 3)(logits, codes, ones), expected)


@pytest.mark.parametrize("loss", OF_CLASSES, ids=lambda loss: loss.name)
def test_a_batch_without_weight_has_a_finite_loss_and_no_gradient(loss: config.Loss) -> None:
    logits = outputs(loss).requires_grad_()
    found = create(loss, TARGETS, 3)(logits, torch.from_numpy(TARGETS), torch.zeros(10))
    found.backward()
    assert found.isfinite()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


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


ALIKE = torch.ones(3)


def test_focal_loss_with_gamma_0_equals_cross_entropy_whatever_the_class_weights() -> None:
    logits, codes = examples()
    for by_class in (ALIKE, torch.tensor([1.0, 5.0, 0.2])):
        expected = F.cross_entropy(logits, codes, by_class)
        torch.testing.assert_close(FocalLoss(0, by_class)(logits, codes, torch.ones(64)), expected)


def test_focal_loss_is_the_formula_of_the_paper() -> None:
    logits, codes = examples()
    probability = logits.softmax(1)[range(64), codes]
    expected = (-((1 - probability) ** 2) * probability.log()).mean()
    torch.testing.assert_close(FocalLoss(2, ALIKE)(logits, codes, torch.ones(64)), expected)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_an_image_that_cannot_be_easier_has_a_gradient_of_zero(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    loss = FocalLoss(gamma, ALIKE)(logits, torch.tensor([0]), torch.ones(1))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.equal(gradient, torch.zeros(1, 3))


def test_gamma_lowers_the_weight_of_easy_images() -> None:
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    code, weight = torch.tensor([0]), torch.ones(1)
    kept = [
        FocalLoss(2, torch.ones(2))(logits, code, weight) / FocalLoss(0, torch.ones(2))(logits, code, weight)
        for logits in (easy, hard)
    ]
    assert kept[0] < 0.001
    assert kept[1] > 0.9


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


SCALE = 5.0


def cosines(degrees: list[list[float]]) -> torch.Tensor:
    return SCALE * torch.tensor(degrees).deg2rad().cos()


def test_without_a_margin_it_is_cross_entropy() -> None:
    found, codes = cosines([[20, 80], [70, 60]]), torch.tensor([0, 0])
    torch.testing.assert_close(ArcFaceLoss(0, SCALE)(found, codes, torch.ones(2)), F.cross_entropy(found, codes))


def test_the_right_class_must_win_by_the_margin() -> None:
    loss, codes = ArcFaceLoss(math.radians(30), SCALE), torch.tensor([0])
    turned = F.cross_entropy(cosines([[50, 50]]), codes)
    torch.testing.assert_close(loss(cosines([[20, 50]]), codes, torch.ones(1)), turned)


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
    layer, features = CosineClassifier(8, 3, SCALE), torch.randn(5, 8)
    torch.testing.assert_close(layer(features), layer(100 * features))
    assert (layer(torch.randn(1000, 8)).abs() <= SCALE + 1e-4).all()


def test_a_mixture_is_the_weighted_sum_of_its_losses() -> None:
    given = (
        torch.randn(6, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 0, 1, 2]),
        torch.ones(6),
    )
    parts = [SoftF1Loss(), CoralLoss()]
    expected = 0.7 * parts[0](*given) + 0.3 * parts[1](*given)
    torch.testing.assert_close(MixtureLoss(parts, (0.7, 0.3))(*given), expected)


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


@pytest.mark.parametrize("age", [19, 30, 59])
def test_a_soft_label_is_the_normal_probability_of_every_year_with_the_tails_at_the_ends(age: int) -> None:
    label = soft_labels(2)[age - YEARS[0]].numpy()
    below = [NormalDist(age, 2).cdf(year + 0.5) for year in YEARS[:-1]]
    np.testing.assert_allclose(label, np.diff(below, prepend=0, append=1), atol=1e-7)
    assert likeliest(label[None]) == band(age)
    assert label.sum() == pytest.approx(1)


def test_a_label_of_an_end_says_only_that_the_age_is_beyond() -> None:
    assert torch.equal(soft_labels(2)[0], torch.eye(len(YEARS))[0])
    assert torch.equal(soft_labels(2)[-1], torch.eye(len(YEARS))[-1])


@pytest.mark.parametrize("expectation", [0.0, 1.0, 0.3])
def test_dldl_is_the_divergence_from_the_soft_label_and_the_error_of_the_expectation(expectation: float) -> None:
    logits = torch.randn(3, len(YEARS), generator=torch.Generator().manual_seed(0))
    codes = torch.tensor([2, 20, len(YEARS) - 1])
    predicted, labels = logits.softmax(dim=1).double().numpy(), soft_labels(2).double().numpy()[codes]
    error = np.abs(predicted @ YEARS - YEARS[codes])
    divergence = [(p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum() for p, q in zip(labels, predicted, strict=True)]
    expected = np.mean(divergence + expectation * error)
    assert DldlLoss(2, expectation)(logits, codes, torch.ones(3)).item() == pytest.approx(expected, rel=1e-5)


def test_the_least_divergence_is_that_of_the_soft_label_itself() -> None:
    logits = soft_labels(3).clamp(min=1e-30).log()
    loss = DldlLoss(3, expectation=0)(logits, torch.arange(len(YEARS)), torch.ones(len(YEARS)))
    assert loss.item() == pytest.approx(0, abs=1e-5)
