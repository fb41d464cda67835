from collections.abc import Callable

import numpy as np
import pytest
import torch

from pipeline.modeling.config import ModelConfig
from pipeline.modeling.mixing import Batch, mix

Make = Callable[..., ModelConfig]
ROWS = torch.arange(100, 108)
PICTURES = torch.arange(8, dtype=torch.uint8).view(8, 1, 1, 1).expand(8, 10, 12, 3) * 10  # image n is all 10 n


def mixed(config: ModelConfig, step: int = 1) -> Batch:
    return mix(PICTURES, ROWS, config, (config.seed, 0, step))


def test_without_mixing_a_batch_is_itself(config: Make) -> None:
    batch = mixed(config())
    assert batch.images is PICTURES
    assert (batch.partners == batch.rows).all()
    assert batch.lam == 1


@pytest.mark.parametrize("half", [False, True])
def test_cutmix_pastes_a_box_of_the_partner_whose_share_is_its_area(config: Make, half: bool) -> None:
    for step in range(20):
        batch = mixed(config(cutmix={"probability": 1, "half": half}), step)
        for image, row, partner in zip(batch.images, ROWS - 100, batch.partners - 100, strict=True):
            own, other = image == row * 10, image == partner * 10
            assert (own | other).all()
            assert row == partner or own.float().mean().item() == pytest.approx(batch.lam)


def test_half_of_cutmix_is_left_or_right(config: Make) -> None:
    sides = set()
    for step in range(10):
        batch = mixed(config(cutmix={"probability": 1, "half": True}), step)
        moved = (batch.partners != ROWS).nonzero()[0, 0]
        cut = batch.images[moved] != PICTURES[moved]
        left, right = cut[:, :6].all().item(), cut[:, 6:].all().item()
        assert left != right
        sides.add(left)
        assert batch.lam == 0.5
    assert sides == {True, False}


def test_mixup_blends_two_images_by_lam(config: Make) -> None:
    batch = mixed(config(mixup={"alpha": 1}))
    own, other = (ROWS - 100) * 10.0, (batch.partners - 100) * 10.0
    expected = batch.lam * own + (1 - batch.lam) * other
    torch.testing.assert_close(batch.images[:, 0, 0, 0], expected)
    assert 0 < batch.lam < 1


def test_the_probability_is_that_of_a_batch(config: Make) -> None:
    cut = [mixed(config(cutmix={"probability": 0.3}), step).lam < 1 for step in range(300)]
    assert np.mean(cut) == pytest.approx(0.3, abs=0.08)


def test_a_batch_is_cut_or_blended_never_both(config: Make) -> None:
    both = config(cutmix={"probability": 0.5, "half": True}, mixup={"probability": 1, "alpha": 1})
    cut = [mixed(both, step).lam == 0.5 for step in range(50)]
    assert 10 < sum(cut) < 40
    assert all(mixed(both, step).lam < 1 for step in range(50))


def test_the_same_seed_mixes_the_same_way(config: Make) -> None:
    cutting = config(cutmix={"probability": 1})
    first, again, other = mixed(cutting), mixed(cutting), mixed(cutting, step=2)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize(("rows", "count", "sizes"), [(8, 4, [2] * 4), (8, 3, [3, 3, 2]), (5, 4, [3, 2]), (3, 2, [3])])
def test_micro_batches_hold_at_least_two_images(rows: int, count: int, sizes: list[int]) -> None:
    micro_batches = Batch(PICTURES[:rows], ROWS[:rows], ROWS[:rows]).micro_batches(count)
    assert [len(part.rows) for part in micro_batches] == sizes
    assert torch.equal(torch.cat([part.images for part in micro_batches]), PICTURES[:rows])


def test_every_half_that_is_pasted_is_of_an_allowed_partner(config: Make) -> None:
    allowed = np.zeros(108, dtype=np.bool_)
    allowed[[101, 106]] = True
    pasted = set()
    for step in range(10):
        batch = mix(PICTURES, ROWS, config(cutmix={"probability": 1, "half": True}), (0, step), allowed)
        pasted |= set(batch.partners.tolist())
        for image, row, partner in zip(batch.images, ROWS - 100, batch.partners - 100, strict=True):
            halves = {int(image[0, 0, 0]), int(image[0, -1, 0])}
            assert halves == {int(row) * 10, int(partner) * 10}
    assert pasted == {101, 106}


def test_a_batch_without_an_allowed_partner_is_not_cut(config: Make) -> None:
    batch = mix(PICTURES, ROWS, config(cutmix={"probability": 1}), (0, 1), np.zeros(108, dtype=np.bool_))
    assert batch.images is PICTURES
    assert batch.lam == 1
