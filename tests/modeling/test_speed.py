"""speed: measured by training and predicting for real."""

import logging
from collections.abc import Callable

import pytest
from lightning_fabric import Fabric

from pipeline.modeling import speed
from pipeline.modeling.config import ModelConfig


def test_training_takes_longer_than_prediction(config: Callable[..., ModelConfig]) -> None:
    found = speed.measure(config(image_size=96, pretrained=True, weights="nowhere.safetensors"), (96, 96))
    assert found.training > found.prediction > 0


def test_a_larger_image_takes_longer(config: Callable[..., ModelConfig]) -> None:
    small, large = (speed.measure(config(image_size=size), (size, size)) for size in (32, 256))
    assert large.training > 2 * small.training


@pytest.mark.parametrize(("longest", "batches"), [(100.0, [(8, 1), (20, 5)]), (0.0, [(8, 1)])])
def test_a_cpu_takes_the_own_batch_of_a_quick_model(
    longest: float, batches: list[tuple[int, int]], config: Callable[..., ModelConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step of the optimizer costs as much for a small batch as for a large one."""
    taken: list[tuple[int, int]] = []

    def measured(_: ModelConfig, crop_shape: tuple[int, int], batch: int, steps: int, fabric: Fabric) -> speed.Speed:
        taken.append((batch, steps))
        return speed.Speed(1, 1)

    monkeypatch.setattr(speed, "_measure", measured)
    monkeypatch.setattr(speed, "LONGEST", longest)  # five steps of 20 images of a second each
    speed.measure(config(batch_size=20), (32, 32))
    assert taken == batches


def test_the_precision_is_not_told(config: Callable[..., ModelConfig], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        speed.measure(config(precision="bf16-mixed"), (32, 32))
    assert not caplog.records


def test_a_moment_in_which_the_machine_does_something_else_does_not_count(
    config: Callable[..., ModelConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, taken = [0.0], iter([9.0, 1.0, 5.0, 1.0, 3.0, 0.5, 0.5, 0.5])  # of training and of prediction

    def passes(*_: object) -> None:
        clock[0] += next(taken)

    monkeypatch.setattr(speed, "train_epoch", passes)
    monkeypatch.setattr(speed, "predict", passes)
    monkeypatch.setattr(speed, "perf_counter", lambda: clock[0])
    assert speed.measure(config(batch_size=4), (32, 32)) == (1 / 4, 0.5 / 4)
