"""speed: measured by training and predicting for real."""

from collections.abc import Callable

from pipeline.modeling import speed
from pipeline.modeling.config import ModelConfig


def test_training_takes_longer_than_prediction(config: Callable[..., ModelConfig]) -> None:
    found = speed.measure(config(image_size=96, pretrained=True, weights="nowhere.safetensors"), (96, 96))
    assert found.training > found.prediction > 0


def test_a_larger_image_takes_longer(config: Callable[..., ModelConfig]) -> None:
    small, large = (speed.measure(config(image_size=size), (size, size)) for size in (32, 256))
    assert large.training > 2 * small.training
