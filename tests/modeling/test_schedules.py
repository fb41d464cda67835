from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from pipeline.modeling.config.optimization import Constant, Cosine, OneCycle, Plateau, Step
from pipeline.modeling.schedules import factor


def test_warm_up_rises_linearly_to_the_peak() -> None:
    for schedule in (Constant(warmup=2), Step(warmup=2), Cosine(warmup=2), Plateau(warmup=2)):
        assert [factor(schedule, epoch, 10) for epoch in (0.5, 1, 1.5)] == [0.25, 0.5, 0.75]
    assert [factor(Constant(warmup=2), epoch, 10) for epoch in (2, 9)] == [1, 1]


def test_cosine_falls_from_the_peak_to_zero_after_the_warm_up() -> None:
    schedule = Cosine(warmup=2)
    total_epochs = [factor(schedule, epoch / 4, 10) for epoch in range(8, 41)]
    assert total_epochs[0] == 1
    assert total_epochs[-1] == pytest.approx(0)
    assert factor(schedule, 6, 10) == pytest.approx(0.5)
    assert total_epochs == sorted(total_epochs, reverse=True)


def test_step_multiplies_every_so_many_epochs() -> None:
    schedule = Step(step=3, factor=0.5)
    assert [factor(schedule, epoch, 10) for epoch in (0, 2.9, 3, 6)] == [1, 1, 0.5, 0.25]


def test_one_cycle_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    schedule = OneCycle(rise=0.25)
    total_epochs = [factor(schedule, epoch / 4, 8) for epoch in range(33)]
    assert total_epochs[0] == pytest.approx(1 / 25)
    assert total_epochs[8] == 1
    assert total_epochs[-1] == pytest.approx(0, abs=1e-5)
    assert all(lower < higher for lower, higher in pairwise(total_epochs[:9]))
    assert all(lower > higher for lower, higher in pairwise(total_epochs[8:]))


@given(
    losses=st.lists(st.floats(0.01, 10) | st.sampled_from([1.0, 0.99995, 0.9998, float("nan")]), max_size=30),
    patience=st.integers(0, 4),
)
def test_a_plateau_reduces_the_rate_in_the_epochs_that_torch_does(losses: list[float], patience: int) -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    reference = ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, eps=0)
    schedule = Plateau(patience=patience, factor=0.5)
    for epoch, loss in enumerate(losses, start=1):
        reference.step(loss)
        assert factor(schedule, epoch, 30, losses[:epoch]) == optimizer.param_groups[0]["lr"]
