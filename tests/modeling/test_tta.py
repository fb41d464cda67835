from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from pipeline.modeling import tta
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.inference import predict
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.network import Network

Make = Callable[..., ModelConfig]
CROPS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
NOISE = [{"GaussNoise": {"p": 1, "std_range": [0.3, 0.4]}}]


@pytest.fixture
def network(config: Make) -> Network:
    torch.manual_seed(0)
    return Network(config()).eval()


def predictions(network: Network, config: ModelConfig, **tta: Any) -> torch.Tensor:
    batches = Loader(CROPS, config, Batches(np.arange(6), 4), training=False)
    fabric = Fabric(accelerator="cpu", devices=1)
    return predict(network, batches, config, TTA(**tta), fabric).predictions["mask"]


def probabilities(network: Network, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(images)["mask"]
        return logits.softmax(dim=1)


def test_without_variants_the_prediction_is_that_of_the_plain_image(network: Network, config: Make) -> None:
    torch.testing.assert_close(predictions(network, config()), probabilities(network, torch.from_numpy(CROPS)))


def test_flip_is_the_mean_of_both_sides(network: Network, config: Make) -> None:
    images = torch.from_numpy(CROPS)
    both = (probabilities(network, images) + probabilities(network, images.flip(2))) / 2
    torch.testing.assert_close(predictions(network, config(), flip=True), both)


def test_clean_and_augmented_variants_are_averaged_by_their_weights(network: Network, config: Make) -> None:
    clean = probabilities(network, torch.from_numpy(CROPS))
    noisy = config(augmentation=NOISE)
    one, two = (predictions(network, noisy, augmented=count, clean=3) for count in (1, 2))
    first = 4 * one - 3 * clean
    second = 5 * two - 4 * one
    for view in (first, second):
        torch.testing.assert_close(view.sum(dim=1), torch.ones(6))
        assert not torch.allclose(view, clean, atol=1e-4)
    assert not torch.allclose(first, second, atol=1e-4)


def test_augmented_variants_depend_on_the_seed_alone(network: Network, config: Make) -> None:
    first, again = (predictions(network, config(augmentation=NOISE), augmented=2) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, predictions(network, config(augmentation=NOISE, seed=1), augmented=2))


def test_logits_are_averaged_before_the_softmax(network: Network, config: Make) -> None:
    with torch.inference_mode():
        logits = [network(images)["mask"] for images in (torch.from_numpy(CROPS), torch.from_numpy(CROPS).flip(2))]
    found = predictions(network, config(), flip=True, average="logits")
    torch.testing.assert_close(found, ((logits[0] + logits[1]) / 2).softmax(dim=1))


def test_five_crops_are_the_corners_and_the_centre_as_large_as_the_whole() -> None:
    corner = torch.zeros(1, 20, 20, 3)
    corner[:, :4, 16:] = 255  # what only the top right crop has
    seen = tta.variants(corner, TTA(five_crop=0.6), plain=True)
    assert [tuple(look.shape) for look in seen] == [(1, 20, 20, 3)] * 6
    assert [bool(look.any()) for look in seen[1:]] == [False, True, False, False, False]


def test_every_look_has_a_weight() -> None:
    every = TTA(clean=2, augmented=3, five_crop=0.9, flip=True)
    images = torch.zeros(1, 8, 8, 3)
    looks = [tta.variants(images, every, plain) for plain in (True, False, False, False)]
    assert len(tta.weights(every)) == sum(map(len, looks)) == 18
    assert tta.weights(every).sum() == 2 * (2 + 5 + 3)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_years_are_averaged_as_years(average: str) -> None:
    outputs = torch.tensor([[20.0, 30.0], [40.0, 44.0]])
    found = tta.mean(outputs, "regression", TTA.model_validate({"flip": True, "average": average}))
    assert found.tolist() == [25, 42]


def test_an_ordinal_head_has_a_table_either_way() -> None:
    outputs = torch.tensor([[[2.0, -1.0], [1.0, -3.0]]])
    for average in ("probabilities", "logits"):
        table = tta.mean(outputs, "ordinal", TTA.model_validate({"flip": True, "average": average}))
        assert table.shape == (1, 3)
        assert table.sum().item() == pytest.approx(1)
