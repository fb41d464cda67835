"""Contact sheet of the first training batch, after oversampling crops, augmentation and mixing."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from pipeline.formats import contact_sheets
from pipeline.formats.arrays import Packed
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.mixing import Batch, mix
from pipeline.modeling.training import Inputs
from pipeline.schema.schema import SCHEMA

MOST = 32


def write(path: Path, inputs: Inputs, config: ModelConfig, fold: int | None) -> None:
    """Write up to `MOST` images of the first training batch with their labels.

    Args:
        path: The image file to write.
        inputs: The files of the training.
        config: The model's configuration.
        fold: The held-out fold; None to train on all data.

    Raises:
        InputError: When a crop has no label or no fold.
    """
    table = inputs.photos()
    held_out = (table["fold"] == fold).to_numpy() if fold is not None else np.zeros(len(table), np.bool_)
    batch = first_batch(table, inputs.train_crops(), held_out, config)
    labels = np.array(SCHEMA.class_names)[SCHEMA.codes(table)]
    title = f"{min(len(batch.rows), MOST)} images of the first batch, as the network sees them in training"
    images = batch.images[:MOST].float().round().byte()  # mixup leaves fractions
    contact_sheets.write(path, title, list(images.numpy()), _captions(batch, labels)[:MOST])


def first_batch(table: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_], config: ModelConfig) -> Batch:
    """The first batch of epoch 0: images (n, size, size, 3) of 0..255, not yet normalised."""
    fold_data = FoldData.of(table, crops, held_out, config)
    loader = fold_data.train_loader(fold_data.training, config, (0, 1)).at(0)
    images, rows = zip(*(loader.dataset[key] for key in loader.first()), strict=True)
    return mix(torch.stack(images), torch.stack(rows), config, (config.seed, 0, 1, 0), loader.partners)


def _captions(batch: Batch, labels: npt.NDArray[np.str_]) -> list[str]:
    own, partners = labels[batch.rows.numpy()], labels[batch.partners.numpy()]  # a tensor of one number is one index
    if batch.lam == 1:
        return list(own)
    pairs = zip(own, partners, strict=True)
    return [f"{batch.lam:.0%} {name}\n{1 - batch.lam:.0%} {partner}" for name, partner in pairs]
