from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import InputError
from pipeline.modeling.augmentation import POLICIES, Pipeline, build
from pipeline.modeling.config import ModelConfig

Make = Callable[..., ModelConfig]
NESTED = {"OneOf": {"transforms": [{"Rotate": {"limit": 20, "p": 1}}, {"Perspective": {"p": 1}}], "p": 0.5}}


def image() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


def test_the_same_seed_gives_the_same_augmentation_and_another_seed_another(config: Make) -> None:
    pipeline = Pipeline(config(augmentation=[NESTED, {"GaussNoise": {"p": 1}}]), training=True)
    first, other, again = (pipeline(image(), seed) for seed in ((1, 0, 5), (1, 0, 6), (1, 0, 5)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_transforms_of_one_image_are_independent(config: Make) -> None:
    invert, flip = {"InvertImg": {"p": 0.5}}, {"HorizontalFlip": {"p": 0.5}}
    dark = np.zeros((40, 30, 3), dtype=np.uint8)
    dark[:, :15] = 10
    pipeline = Pipeline(config(augmentation=[invert, flip]), training=True)
    seen = [pipeline(dark, (number,)) for number in range(200)]
    kinds = Counter((bool(image.max() > 100), bool(image[0, 0, 0] in (10, 245))) for image in seen)
    assert len(kinds) == 4
    assert min(kinds.values()) > 25


def test_what_training_sees_and_what_inference_sees_differ_in_augmentation_alone(config: Make) -> None:
    crop = [{"CenterCrop": {"height": 20, "width": 20}}]
    plain = Pipeline(config(preprocess=crop), training=True)(image(), (0,))
    flipped = Pipeline(config(preprocess=crop, augmentation=[{"HorizontalFlip": {"p": 1}}]), training=True)
    inference = Pipeline(config(preprocess=crop, augmentation=[{"HorizontalFlip": {"p": 1}}]), training=False)
    assert np.array_equal(inference(image(), (0,)), plain)
    assert np.array_equal(flipped(image(), (0,)), plain[:, ::-1])


def test_random_erasing_takes_a_rectangle_away(config: Make) -> None:
    erasing = [{"Erasing": {"scale": [0.1, 0.2], "fill": 0, "p": 1}}]
    white = np.full((32, 32, 3), 255, dtype=np.uint8)
    found = Pipeline(config(augmentation=erasing), training=True)(white, (0,))
    rows, columns = np.nonzero((found == 0).all(axis=-1))
    area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert len(rows) == area
    assert 0.05 < area / 32**2 < 0.25


def test_every_image_gets_the_size_of_the_configuration(config: Make) -> None:
    assert Pipeline(config(image_size=48), training=False)(image(), (0,)).shape == (48, 48, 3)
    assert Pipeline(config(image_size=[48, 36]), training=True)(image(), (0,)).shape == (48, 36, 3)


def test_a_smaller_image_is_a_mean_of_pixels_and_not_some_of_them(config: Make) -> None:
    stripes = np.zeros((128, 128, 3), dtype=np.uint8)
    stripes[:, ::4] = 255
    found = Pipeline(config(image_size=32), training=False)(stripes, (0,))
    assert np.abs(found.astype(int) - 255 // 4).max() <= 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"Rotat": {"limit": 20}}, "augmentation 'Rotat' is unknown"),
        ({"Rotate": {"limits": 20}}, "augmentation 'Rotate': .*limits"),
        ({"Rotate": {"limit": "far"}}, "augmentation 'Rotate'"),
        ({"Rotate": {}, "Perspective": {}}, "is not one name over its arguments"),
        ({"OneOf": {"transforms": [{"Nothing": {}}]}}, "augmentation 'Nothing' is unknown"),
        ({"Compose": None}, "augmentation 'Compose'"),
        ({"TrivialAugment": {}}, "'TrivialAugment' is unknown to .*; did you mean 'TrivialAugmentWide'"),
        ({"RandAugment": {"ops": 2}}, "augmentation 'RandAugment': .*ops"),
    ],
)
def test_a_wrong_augmentation_is_named(step: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build([step])


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_torchvisions_own_at_the_seed_of_the_image(config: Make, name: str) -> None:
    pipeline = Pipeline(config(augmentation=[{name: {}}], image_size=40), training=True)
    square = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    draws = np.random.default_rng((1, 2))
    draws.integers(2**32)  # the seed of albumentations' other generator
    torch.manual_seed(int(draws.integers(2**63)))
    expected = getattr(v2, name)()(torch.from_numpy(square).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    assert np.array_equal(pipeline(square, (1, 2)), expected)
    assert len({pipeline(square, (1, seed)).tobytes() for seed in range(8)}) > 1


def test_a_policy_leaves_torchs_random_numbers_alone(config: Make) -> None:
    pipeline = Pipeline(config(augmentation=[{"RandAugment": {"num_ops": 3, "magnitude": 9}}]), training=True)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    pipeline(image(), (0,))
    assert torch.equal(torch.rand(3), expected)


def test_policies_nest_and_have_a_probability(config: Make) -> None:
    nested = {"OneOf": {"transforms": [{"TrivialAugmentWide": {}}, {"HorizontalFlip": {"p": 1}}], "p": 1}}
    assert Pipeline(config(augmentation=[nested]), training=True)(image(), (0,)).shape == (32, 32, 3)
    never = Pipeline(config(augmentation=[{"AugMix": {"p": 0}}]), training=True)
    assert np.array_equal(never(image(), (0,)), Pipeline(config(), training=False)(image(), (0,)))
