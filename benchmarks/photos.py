"""Inputs of the benchmarks: photos of a folder or of the synthetic sample, crops and model configurations."""

import random
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.dataset.layout import TRAIN, train_photos
from pipeline.formats import images
from pipeline.formats.arrays import Packed
from pipeline.formats.images import Pixels
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.fold_data import FoldData
from pipeline.schema.schema import MASK
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample

LIGHT = [{"HorizontalFlip": {"p": 0.5}}]


def photos_of(root: Path | None, count: int) -> list[Path]:
    """A random choice of train photos of a data set; by default of the synthetic sample."""
    root = root or synthetic()
    paths = [root / TRAIN / path for path in train_photos(root)["path"]]
    return random.Random(777).sample(paths, min(count, len(paths)))


@cache
def synthetic() -> Path:
    """The synthetic sample, in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    sample(folder, Sample(people=24, eval_people=1))
    return folder


def crops(paths: list[Path], size: int) -> Pixels:
    """Photos, each resized as a whole (n, size, size, 3)."""
    return np.stack([np.asarray(Image.fromarray(images.read(path)).resize((size, size))) for path in paths])


def config(**given: object) -> ModelConfig:
    """A tiny model configuration, with overrides."""
    shipped = {
        "backbone": "test_resnet",
        "pretrained": False,
        "heads": {"mask": {}},
        "image_size": 72,
        "augmentation": LIGHT,
        "epochs": 1,
        "batch_size": 32,
        "optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.05},
    }
    return ModelConfig.model_validate(shipped | given)


def fold_data(packed: Packed, model: ModelConfig) -> FoldData:
    """Training data of all crops, with labels assigned in turn."""
    count = len(packed)
    people = pd.DataFrame({"mask": np.resize(MASK.values, count), "gender": "male", "age": 40})
    return FoldData.of(people, packed, np.arange(count) < 0, model)
