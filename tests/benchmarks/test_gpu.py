"""gpu: what is to be measured on a GPU runs, here on a CPU."""

import pytest
import torch
from lightning_fabric import Fabric

from benchmarks import gpu
from pipeline.modeling.learner import Learner


def test_both_ways_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    step = Learner.step

    def counted(learner: Learner, number: int) -> None:
        taken.append(number)
        step(learner, number)

    monkeypatch.setattr(gpu, "STEPS", 2)
    monkeypatch.setattr(Learner, "step", counted)
    found = gpu.steps("test_resnet", 32, 4, Fabric(accelerator="cpu", devices=1))
    assert found.work == "GPU, 2 steps of 4, test_resnet at 32"
    assert len(taken) == (1 + len(found.ratios)) * 2 * 2


def test_the_cost_of_determinism_is_that_of_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    switched: list[bool] = []
    step = Learner.step

    def noted(learner: Learner, number: int) -> None:
        switched.append(torch.are_deterministic_algorithms_enabled())
        step(learner, number)

    monkeypatch.setattr(gpu, "STEPS", 2)
    monkeypatch.setattr(Learner, "step", noted)
    found = gpu.deterministic("test_resnet", 32, 4, Fabric(accelerator="cpu", devices=1))
    assert switched == [False, False, True, True] * (1 + len(found.ratios))
    assert not torch.are_deterministic_algorithms_enabled()
