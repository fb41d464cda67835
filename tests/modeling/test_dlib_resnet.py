"""dlib's network computes what dlib computes, from a file in dlib's serialization."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.foundation.errors import InputError
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.dlib_resnet import NAME, STAGES
from pipeline.modeling.network import Network

CHANNELS = [3, 32, *(channels for channels, blocks in STAGES for _ in range(2 * blocks))]
SIDES = [7, *[3] * (len(CHANNELS) - 2)]

Layers = list[tuple[Tensor, Tensor, Tensor, Tensor]]
"""Filters, biases, factors and shifts of every convolution and of the affine layer behind it."""


def random_layers() -> Layers:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return [
        (draw(outputs, inputs, side, side) / (side * inputs**0.5), draw(outputs) / 9, draw(outputs) / 3, draw(outputs))
        for (inputs, outputs), side in zip(pairwise(CHANNELS), SIDES, strict=True)
    ]


def serialized(layers: Layers) -> bytes:
    """What dlib writes for these layers, with other bytes before, between and after them."""
    parts = [b"\x01\x01\x01\x0dloss_metric_2"]
    for filters, biases, factors, shifts in layers:
        weights = torch.cat([filters.flatten(), biases])
        parts += [text(b"con_4"), tensor(weights), integer(filters.shape[0]), text(b"affine_")]
        parts += [tensor(torch.cat([factors, shifts])), integer(1), text(b"relu_")]
    return b"".join([*parts, text(b"fc_2"), integer(128)])


def text(name: bytes) -> bytes:
    return integer(len(name)) + name


def integer(number: int) -> bytes:
    digits = number.to_bytes(max((number.bit_length() + 7) // 8, 1), "little")
    return bytes([len(digits)]) + digits


def tensor(values: Tensor) -> bytes:
    return b"".join([integer(2), *map(integer, (len(values), 1, 1, 1)), values.numpy().tobytes()])


def features(layers: Layers, images: Tensor) -> Tensor:
    """The features of dlib's network, its layers one by one."""
    left = iter(layers)

    def convolved(maps: Tensor, stride: int, padding: int) -> Tensor:
        filters, biases, factors, shifts = next(left)
        maps = functional.conv2d(maps, filters, biases, stride, padding)
        return maps * factors.view(-1, 1, 1) + shifts.view(-1, 1, 1)

    maps = functional.max_pool2d(convolved(images, 2, 0).relu(), 3, 2)
    for stage, (_, blocks) in enumerate(STAGES):
        for block in range(blocks):
            halves = stage > 0 and block == 0
            residual = convolved(maps, 2, 0) if halves else convolved(maps, 1, 1)
            residual = convolved(residual.relu(), 1, 1)
            shortcut = functional.avg_pool2d(maps, 2) if halves else maps
            total = torch.zeros([max(sides) for sides in zip(residual.shape, shortcut.shape, strict=True)])
            for each in (residual, shortcut):
                total[:, : each.shape[1], : each.shape[2], : each.shape[3]] += each
            maps = total.relu()
    return maps.mean((2, 3))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "dlib_face_recognition_resnet_model_v1.dat"
    path.write_bytes(serialized(random_layers()))
    return path


def make(weights: Path | None) -> Network:
    settings = {"backbone": NAME, "heads": {"age": {}}, "epochs": 1, "image_size": 112, "weights": weights}
    config = ModelConfig.model_validate({**settings, "optimizer": {"name": "adamw", "learning_rate": 1}})
    return Network(config, pretrained=True).eval()


def test_the_published_file_gives_dlibs_features(weights: Path) -> None:
    network = make(weights)
    images = torch.randint(256, (2, 112, 112, 3), generator=torch.Generator().manual_seed(2)).float()
    normalized = (images - torch.tensor([122.782, 117.001, 104.298])).permute(0, 3, 1, 2) / 256
    with torch.no_grad():
        found = network.backbone((images.permute(0, 3, 1, 2) - network.mean) / network.std)
        expected = features(random_layers(), normalized)
    assert found.shape == (2, 256)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_its_levels_are_the_ends_of_its_stages(weights: Path) -> None:
    network = make(weights)
    images = torch.randn(2, 3, 112, 112, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = network.backbone.forward_intermediates(images, [0, 3, 4], intermediates_only=True, stop_early=True)
        torch.testing.assert_close(maps[-1].mean((2, 3)), network.backbone(images))
        for layer in list(network.backbone)[:6]:  # the stem's three, and the three blocks of the first stage
            images = layer(images)
    torch.testing.assert_close(maps[0], images)
    assert [each.shape[1] for each in maps] == [32, 256, 256]


@pytest.mark.parametrize("kept", [0, 5000, -4000])
def test_a_file_that_ends_too_soon_is_refused(weights: Path, tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.dat"
    cut.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=rf"cut\.dat: not weights of '{NAME}'"):
        make(cut)


def test_weights_that_nobody_can_download_are_asked_for() -> None:
    with pytest.raises(InputError, match=r"is not downloaded: .*`weights:` to dlib_face_recognition"):
        make(None)
