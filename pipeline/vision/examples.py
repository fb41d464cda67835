"""Crops as batches: read from the packed file, transformed, in an order that the seed and the epoch decide."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.entries import Model
from pipeline.photographs import Pixels
from pipeline.vision.transforms import Pipeline

Rows = npt.NDArray[np.int64]
Key = tuple[int, int]  # epoch and row: what a picture's augmentation depends on, beside the seed
Loader = DataLoader[tuple[Tensor, Tensor]]


class Examples(Dataset[tuple[Tensor, Tensor]]):
    """Packed crops (n, height, width, 3), seen through one entry's transforms."""

    def __init__(self, crops: Pixels, entry: Model, training: bool) -> None:
        self._crops = crops
        self._transform = Pipeline(entry, training)
        self._seed = entry.seed

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        epoch, row = key
        picture = np.array(self._crops[row])  # the file is mapped read-only, and a transform may work in place
        return torch.from_numpy(self._transform(picture, (self._seed, epoch, row))), torch.tensor(row)


class Batches(Sampler[list[Key]]):
    """Rows in batches: shuffled anew for every epoch (`set_epoch`), or in order, each process its share.

    `batch_size` is that of the whole step, over all processes. A last batch of one is left out of training,
    since batch normalisation cannot work on it.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int | None = None, share: tuple[int, int] = (0, 1)) -> None:
        self._rows = rows
        self._batch_size = batch_size
        self._seed = seed
        self._rank, self._processes = share
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        size, rest = divmod(len(self._rows), self._batch_size)
        return size + (rest > self._smallest - 1)

    def __iter__(self) -> Iterator[list[Key]]:
        rows = self._rows
        if self._seed is not None:
            rows = np.random.default_rng([self._seed, self._epoch]).permutation(rows)
        for number in range(len(self)):
            batch = rows[number * self._batch_size : (number + 1) * self._batch_size]
            share = batch[self._rank :: self._processes]
            if len(share):
                yield [(self._epoch, int(row)) for row in share]

    @property
    def _smallest(self) -> int:
        return 1 if self._seed is None else 2 * self._processes


def loader(crops: Pixels, entry: Model, batches: Batches, training: bool) -> Loader:
    """Batches of pictures uint8 (n, image_size, image_size, 3) with their rows (n,)."""
    workers = _workers()
    return DataLoader(
        Examples(crops, entry, training),
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def _workers() -> int:
    """Cores beside the one that trains; results do not depend on it."""
    cores = len(os.sched_getaffinity(0))
    return 0 if cores <= 2 else min(cores - 1, 16)
