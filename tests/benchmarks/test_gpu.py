"""gpu: what is to be measured on a GPU runs, here on a CPU."""

import pytest
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
