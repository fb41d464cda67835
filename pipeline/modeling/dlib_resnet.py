"""dlib's face recognition network, whose published weights are a file of 22 MB, as a backbone for a CPU."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import torch
from timm.layers import SelectAdaptivePool2d
from torch import Tensor, nn
from torch.nn import functional

from pipeline.foundation.errors import InputError

NAME = "dlib_face_recognition_resnet_v1"
MEAN, SPREAD = (122.782, 117.001, 104.298), 256  # of the images that the published weights were trained on
STAGES = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
"""Channels and number of blocks of every stage; all stages but the first halve the feature map."""
LAYER = re.compile(rb"\x01\x05con_4|\x01\x07affine_")
"""Names of layers with weights in dlib's serialization, each after its length."""


class Block(nn.Module):
    """A residual block; its shortcut has no weights: it is pooled, and padded with zeros to more channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1 if stride == 1 else 0)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Feature maps (n, inputs, height, width) to (n, outputs, height, width), of half the sides with stride 2."""
        residual = self.second(functional.relu(self.first(images)))
        if self.first.stride != (1, 1):
            images = functional.avg_pool2d(images, 2)
        shape = [max(sides) for sides in zip(residual.shape[1:], images.shape[1:], strict=True)]
        return functional.relu(_padded(residual, shape) + _padded(images, shape))


class DlibResNet(nn.Sequential):
    """Images (n, 3, height, width) to features (n, 256); the published weights were trained on 150 x 150 pixels.

    A ResNet of 29 convolutions that recognises faces: King, High Quality Face Recognition with Deep Metric Learning,
    2017, http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html; He et al., Deep Residual Learning,
    2015, https://arxiv.org/abs/1512.03385. The published affine layers, once batch normalisation, are part of the
    convolutions here. The last layer, to the 128 numbers that tell people apart, is left out.
    """

    def __init__(self) -> None:
        stem = [nn.Conv2d(3, STAGES[0][0], 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)]
        super().__init__(*stem, *_blocks(), SelectAdaptivePool2d(pool_type="avg", flatten=True))
        self.feature_info = [channels for channels, _ in STAGES]
        self.pretrained_cfg = {"mean": tuple(one / 255 for one in MEAN), "std": (SPREAD / 255,) * 3, "classifier": ()}

    def forward_intermediates(self, images: Tensor, indices: Sequence[int], **_: bool) -> list[Tensor]:
        """Feature maps (n, channels, height, width) at the ends of the stages `indices`, and nothing behind the last.

        The name is timm's, whose models return the same with `intermediates_only` and `stop_early`.
        """
        ends = list(accumulate(blocks for _, blocks in STAGES))
        stem, found = len(self) - ends[-1] - 1, []
        for number, layer in enumerate(list(self)[: stem + ends[max(indices)]], start=1 - stem):
            images = layer(images)
            if number in ends and ends.index(number) in indices:
                found.append(images)
        return found

    def load(self, path: Path) -> None:
        """Load the published file, dlib_face_recognition_resnet_model_v1.dat.

        Raises:
            InputError: When the file is another one.
        """
        convolutions = {name: module for name, module in self.named_modules() if isinstance(module, nn.Conv2d)}
        layers = list(_layers(path.read_bytes()))
        sizes = [(each.weight.numel() + each.out_channels, 2 * each.out_channels) for each in convolutions.values()]
        if [len(layer) for layer in layers] != [size for pair in sizes for size in pair]:
            raise InputError(f"{path}: not weights of '{NAME}': its layers have other sizes")
        state = {}
        for (name, each), filters, affine in zip(convolutions.items(), layers[::2], layers[1::2], strict=True):
            factor, shift = affine.chunk(2)
            weight, bias = filters[: -each.out_channels], filters[-each.out_channels :]
            state[f"{name}.weight"] = weight.view_as(each.weight) * factor.view(-1, 1, 1, 1)
            state[f"{name}.bias"] = bias * factor + shift
        self.load_state_dict(state)


def _blocks() -> Iterator[Block]:
    inputs = STAGES[0][0]
    for stage, (channels, blocks) in enumerate(STAGES):
        for block in range(blocks):
            yield Block(inputs, channels, stride=2 if stage and not block else 1)
            inputs = channels


def _padded(maps: Tensor, shape: list[int]) -> Tensor:
    """Feature maps (n, channels, height, width) with zeros behind them, up to a shape (channels, height, width)."""
    missing = [wanted - given for wanted, given in zip(shape, maps.shape[1:], strict=True)]
    return functional.pad(maps, [side for count in reversed(missing) for side in (0, count)])


def _layers(data: bytes) -> Iterator[Tensor]:
    """The weights of every layer that has some, from the input on, up to the end of the data."""
    position = 0
    while found := LAYER.search(data, position):
        (_, *shape), start = _integers(data, found.end(), 5)  # the format's version, and four dimensions
        position = start + 4 * math.prod(shape)
        if not start < position <= len(data):
            return
        yield torch.frombuffer(bytearray(data[start:position]), dtype=torch.float32)


def _integers(data: bytes, position: int, count: int) -> tuple[list[int], int]:
    """Integers, each after a byte with the number of its bytes, and the position behind them."""
    found = []
    for _ in range(count):
        start = position + 1
        position = start + (int.from_bytes(data[position:start]) & 0x0F)
        found.append(int.from_bytes(data[start:position], "little"))
    return found, position
