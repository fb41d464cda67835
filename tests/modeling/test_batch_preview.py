"""samples: what people are shown is what the network learns from first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.modeling import batch_preview
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.training import Inputs
from tests.support import packed


def test_the_first_batch_is_that_of_training(trainable: Path, config: Callable[..., ModelConfig]) -> None:
    settings = config(augmentation=[{"HorizontalFlip": {"p": 0.5}}])
    inputs = Inputs(
        trainable / "crops", trainable / "labels.parquet", trainable / "folds.parquet", trainable / "killed.pt"
    )
    table, crops = inputs.photos(), packed.read(trainable / "crops", "train")
    held_out = (table["fold"] == 0).to_numpy()
    fold_data = FoldData.of(table, crops, held_out, settings)
    images, rows = next(iter(fold_data.train_loader(fold_data.training, settings, (0, 1)).at(0)))
    batch = batch_preview.first_batch(table, crops, held_out, settings)
    assert torch.equal(batch.images, images)
    assert torch.equal(batch.rows, rows)
    assert not held_out[rows].any()


@pytest.mark.parametrize("mixing", ["cutmix", "mixup"])
def test_a_mixed_image_has_both_labels_as_its_caption(
    mixing: str, trainable: Path, config: Callable[..., ModelConfig]
) -> None:
    inputs = Inputs(
        trainable / "crops", trainable / "labels.parquet", trainable / "folds.parquet", trainable / "killed.pt"
    )
    settings = config(**{mixing: {"probability": 1}})
    batch_preview.write(trainable / "sheet.jpg", inputs, settings, None)
    table = inputs.photos()
    batch = batch_preview.first_batch(
        table, packed.read(trainable / "crops", "train"), np.zeros(len(table), bool), settings
    )
    captions = batch_preview._captions(batch, np.array([f"p{row}" for row in range(len(table))]))
    assert captions[0].split("\n")[0] == f"{batch.lam:.0%} p{batch.rows[0]}"
    assert captions[0].endswith(f" p{batch.partners[0]}")
    with Image.open(trainable / "sheet.jpg") as sheet:
        assert sheet.width > 1000


def test_a_batch_of_one_image_has_one_caption(trainable: Path, config: Callable[..., ModelConfig]) -> None:
    inputs = Inputs(
        trainable / "crops", trainable / "labels.parquet", trainable / "folds.parquet", trainable / "killed.pt"
    )
    batch_preview.write(trainable / "sheet.jpg", inputs, config(batch_size=1), None)
    assert (trainable / "sheet.jpg").exists()
