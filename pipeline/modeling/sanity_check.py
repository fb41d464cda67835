"""A dry run of a model's configuration: a dummy picture through transforms, network, heads and loss.

Only structure is checked. Nothing is downloaded, and the network is built on torch's meta device, whose tensors have
shapes and no values: a network of any size takes a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from pipeline.formats.images import Pixels
from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling import augmentation
from pipeline.modeling.config import ModelConfig, Transform
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import Outputs
from pipeline.modeling.network import Network
from pipeline.schema.schema import OLDEST, SCHEMA

SEED = 777
KEPT = "transforms keep RGB pixels, uint8 (height, width, 3)"


def faults(config: ModelConfig, crop_shape: tuple[int, int]) -> list[str]:
    """Return why a training would fail or be wrong, a line per fault that begins with the key.

    Args:
        config: The model's configuration.
        crop_shape: Height and width of a crop in pixels.
    """
    return [
        *_faults_of_transforms(config, crop_shape),
        *(_faults_of_network(config) or _faults_of_small_images(config)),
    ]


def _faults_of_transforms(config: ModelConfig, crop_shape: tuple[int, int]) -> list[str]:
    shapes = [crop_shape]
    if config.oversample:
        height, width = crop_shape
        shapes.append((round(config.oversample.crop * height), round(config.oversample.crop * width)))
    for shape in shapes:
        image = np.random.default_rng(SEED).integers(0, 256, (*shape, 3), dtype=np.uint8)
        found: list[str] = []
        for key in ("preprocess", "augmentation"):
            image = _apply(getattr(config, key), key, image, found)
        if not found:
            found += _faults_of_whole(config, image)
        if found:
            return found
    return []


def _apply(steps: Sequence[Transform], key: str, image: Pixels, found: list[str]) -> Pixels:
    """Apply each transform, whatever its probability, to the result of the one before; collect the faults."""
    for number, step in enumerate(steps):
        image = _apply_one(step, f"{key}.{number}", image, found)
    return image


def _apply_one(step: Transform, key: str, image: Pixels, found: list[str]) -> Pixels:
    try:
        augmentation.build([step])
    except ModelConfigError as error:
        found.append(f"{key}: {error}")
        return image
    ((name, arguments),) = step.items()
    if nested := (arguments or {}).get("transforms"):
        if name == "Sequential":
            return _apply(nested, f"{key}.{name}", image, found)
        results = [_apply_one(one, f"{key}.{name}.{number}", image, found) for number, one in enumerate(nested)]
        return results[0]
    (transform,) = augmentation.build([{name: {**(arguments or {}), "p": 1}}])
    try:
        result = transform(image=image)["image"]
    except augmentation.RAISED as error:
        height, width = image.shape[:2]
        found.append(f"{key}: {name} fails on a picture of {height} x {width} (crop.size): {_first_line(error)}")
        return image
    if fault := _fault_of_result(result):
        found.append(f"{key}: {name} gives {fault}")
        return image
    return np.asarray(result)


def _fault_of_result(result: Any) -> str | None:
    if not isinstance(result, np.ndarray):
        return f"{type(result).__name__}; {KEPT}; remove it, as batches are made of arrays"
    if result.dtype != np.uint8:
        return f"{result.dtype}; {KEPT}; remove it, as `normalize` is the normalisation"
    if result.ndim != 3 or result.shape[2] != 3:
        return f"shape {result.shape}; {KEPT}; keep three channels"
    return None


def _faults_of_whole(config: ModelConfig, image: Pixels) -> Iterator[str]:
    """Yield what goes wrong in all transforms together; those that are random choose once."""
    for training in (False, True):
        try:
            augmentation.Pipeline(config, training)(image, (SEED,))
        except augmentation.RAISED as error:
            yield f"{'augmentation' if training else 'preprocess'}: {_first_line(error)}"


def _faults_of_network(config: ModelConfig) -> list[str]:
    images = min(config.batch_size, 2)  # the last batch of an epoch may have two
    try:
        people = _people()
        held_out = np.arange(len(people)) == 0
        data = FoldData.of(people, np.zeros((1, 1, 1, 3), np.uint8), held_out, config)
        outputs = _outputs(config, images)
        loss = Criterion(config, data, torch.device("cpu")).loss(outputs, torch.from_numpy(data.training[:images]))
    except ModelConfigError as error:
        return [str(error)]
    except augmentation.RAISED as error:
        if images == 1:
            return [f"batch_size: 1 is too small for this network ({_first_line(error)}); set it to 2 or more"]
        return [f"heads: {_first_line(error)}"]
    return [] if torch.isfinite(loss) else [f"heads: the loss of random outputs is {float(loss)}"]


def _faults_of_small_images(config: ModelConfig, images: int = 2) -> list[str]:
    """Return why the network takes no images as small as those of the first epoch."""
    height, width = config.train_shape(0)
    if (height, width) == config.input_shape:
        return []
    try:
        Network(_untrained(config)).train()(torch.zeros(images, height, width, 3))
    except augmentation.RAISED as error:
        return [
            f"progressive_resizing: backbone '{config.backbone}' takes no images of {height} x {width} px, which the "
            f"first epoch has: {_first_line(error)}"
        ]
    return []


def _outputs(config: ModelConfig, images: int) -> Outputs:
    """Return random outputs of all heads, in the shapes that the network gives for so many images.

    A network that the meta device refuses is built for real: some of timm's compute with values when they are created.
    """
    try:
        shapes = _shapes(_untrained(config), images, "meta")
    except (ModelConfigError, *augmentation.RAISED):
        shapes = _shapes(_untrained(config), images, "cpu")
    generator = torch.Generator().manual_seed(SEED)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def _shapes(config: ModelConfig, images: int, device: str) -> Mapping[str, torch.Size]:
    with torch.device(device), torch.no_grad():
        network = Network(config).train()
        outputs = network(torch.zeros(images, *config.input_shape, 3))
    return {name: output.shape for name, output in outputs.items()}


def _untrained(config: ModelConfig) -> ModelConfig:
    return config.model_copy(update={"pretrained": False, "weights": None})


def _people() -> pd.DataFrame:
    """Return labels of people of every mask state, gender and age."""
    ages = range(1, OLDEST + 1)
    rows = list(product(SCHEMA["mask"].values, SCHEMA["gender"].values, ages))
    return pd.DataFrame(rows, columns=["mask", "gender", "age"])


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
