"""What a network is shown in training, for people to look at: a batch after cutting, augmentation and mixing."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from pipeline.formats import contact_sheets
from pipeline.modeling.config import Model
from pipeline.modeling.fold_data import Material
from pipeline.modeling.mixing import Batch, mix
from pipeline.modeling.training import Inputs
from pipeline.schema.labels import ATTRIBUTES, label_codes, names

MOST = 32


def write(path: Path, inputs: Inputs, entry: Model, fold: int | None) -> None:
    """Write the first pictures of the first batch that a training learns from, with their labels."""
    table = inputs.table()
    held_out = (table["fold"] == fold).to_numpy() if fold is not None else np.zeros(len(table), np.bool_)
    batch = first_batch(table, np.load(inputs.crops / "train.npy", mmap_mode="r"), held_out, entry)
    labels = np.array(names())[label_codes(table, tuple(ATTRIBUTES))]
    title = f"{min(len(batch.rows), MOST)} pictures of the first batch, as the network sees them in training"
    contact_sheets.write(path, title, list(batch.pictures.numpy()[:MOST]), _captions(batch, labels)[:MOST])


def first_batch(
    table: pd.DataFrame, crops: npt.NDArray[np.uint8], held_out: npt.NDArray[np.bool_], entry: Model
) -> Batch:
    """The first batch of epoch 0: pictures uint8 (n, size, size, 3), not yet normalised."""
    material = Material.of(table, crops, held_out, entry)
    loader = material.to_learn(material.training, entry, (0, 1)).at(0)
    pictures, rows = zip(*(loader.dataset[key] for key in loader.first()), strict=True)
    return mix(torch.stack(pictures), torch.stack(rows), entry, (entry.seed, 0, 1, 0))


def _captions(batch: Batch, labels: npt.NDArray[np.str_]) -> list[str]:
    if batch.share == 1:
        return list(labels[batch.rows])
    pairs = zip(labels[batch.rows], labels[batch.partners], strict=True)
    return [f"{batch.share:.0%} {own}\n{1 - batch.share:.0%} {partner}" for own, partner in pairs]
