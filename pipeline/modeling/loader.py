"""Data loading: batches of transformed crops, in an order determined by the seed and the epoch."""

import os
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.formats.arrays import Packed
from pipeline.formats.images import Pixels
from pipeline.modeling.augmentation import Pipeline
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.sampling import Sampling
from pipeline.modeling.sampling import SHUFFLE, Rows, order, repeats
from pipeline.schema.schema import Codes

Key = tuple[int, int, int]  # pass, row and repeat: together with the seed they determine the augmentation


class Joined:
    """All rows of a first file, followed by some rows of a second; both are memory-mapped."""

    def __init__(self, first: Packed, second: Packed, rows: Rows) -> None:
        self._first, self._second, self._rows = first, second, rows

    def __len__(self) -> int:
        return len(self._first) + len(self._rows)

    def __getitem__(self, row: int, /) -> Pixels:
        own = row - len(self._first)
        return self._first[row] if own < 0 else self._second[self._rows[own]]


class Examples(Dataset[tuple[Tensor, Tensor]]):
    """Packed crops (n, height, width, 3) after the transforms of a configuration; features (n, k) as they are.

    A pass is an epoch of training, or a test-time augmentation pass of inference: pass 0 has the plain images, later
    passes augmented ones. A row beyond n is a copy from `oversample`, a random crop that is the same in every epoch.
    """

    def __init__(self, crops: Packed, config: ModelConfig, training: bool) -> None:
        self._crops = crops
        self._config = config
        self._training = training
        shapes = {config.train_shape(epoch) for epoch in range(config.epochs)} if training else {config.input_shape}
        kinds = (True,) if training else (False, True)
        self._pipelines = {key: Pipeline(config, *key) for key in product(kinds, shapes)}

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        pass_number, number, _ = key
        copy, row = divmod(number, len(self._crops))
        image = np.array(self._crops[row])  # the file is mapped read-only, and a transform may work in place
        if image.ndim == 1:
            return torch.from_numpy(image), torch.tensor(row)
        if copy and self._config.oversample:
            image = _random_crop(image, self._config.oversample.crop, (self._config.seed, number))
        pipeline = self._pipeline(pass_number)
        return torch.from_numpy(pipeline(image, (self._config.seed, *key))), torch.tensor(row)

    def _pipeline(self, pass_number: int) -> Pipeline:
        shape = self._config.train_shape(pass_number) if self._training else self._config.input_shape
        return self._pipelines[self._training or pass_number > 0, shape]


class Batches(Sampler[list[Key]]):
    """Batches of rows, split over processes: sampled anew for every epoch (`set_pass`), or in order without a seed.

    Training leaves out a last batch of one row, which batch normalisation cannot handle.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        seed: int | None = None,
        shard: tuple[int, int] = (0, 1),
        sampling: Sampling = SHUFFLE,
        strata: Codes | None = None,
    ) -> None:
        """Set the order of batches.

        Args:
            rows: The rows (n,).
            batch_size: Rows per step, over all processes.
            seed: Seed of the sampling; None to keep the order of `rows`.
            shard: Rank of this process and number of processes.
            sampling: How to sample the rows of an epoch.
            strata: Joint classes (n,) of the rows, for balanced and weighted sampling.
        """
        self._rows = rows
        self._strata = np.zeros_like(rows) if strata is None else strata
        self._sampling = sampling
        self._batch_size = batch_size
        self._seed = seed
        self._rank, self._processes = shard
        self._pass = 0

    def set_pass(self, number: int) -> None:
        """Set the epoch, or the test-time augmentation pass, of the next iteration."""
        self._pass = number

    def __len__(self) -> int:
        size, rest = divmod(len(self._rows), self._batch_size)
        return size + (rest > self._smallest - 1)

    def __iter__(self) -> Iterator[list[Key]]:
        rows = self._rows
        if self._seed is not None:
            rows = order(rows, self._strata, self._sampling, np.random.default_rng([self._seed, self._pass]))
        again = repeats(rows)
        for number in range(len(self)):
            start = number * self._batch_size
            own = slice(start + self._rank, start + self._batch_size, self._processes)
            if keys := [(self._pass, *key) for key in zip(rows[own].tolist(), again[own].tolist(), strict=True)]:
                yield keys

    @property
    def _smallest(self) -> int:
        return 1 if self._seed is None else 2 * self._processes


class Loader(DataLoader[tuple[Tensor, Tensor]]):
    """Batches of images uint8 (n, height, width, 3) with their rows (n,).

    `partners` is whether each row of the crops may be a partner in CutMix; None where all may.
    """

    def __init__(
        self,
        crops: Packed,
        config: ModelConfig,
        batches: Batches,
        training: bool,
        workers: int | None = None,
        partners: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        workers = _workers() if workers is None else workers
        self._batches = batches
        self.partners = partners
        super().__init__(
            Examples(crops, config, training),
            batch_sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def first(self) -> list[Key]:
        """The keys of the first batch of the pass."""
        return next(iter(self._batches))

    def at(self, number: int) -> "Loader":
        """The batches of an epoch, or of a test-time augmentation pass."""
        self._batches.set_pass(number)
        return self


def _random_crop(image: Pixels, scale: float, seed: tuple[int, ...]) -> Pixels:
    """A random crop of an image (h, w, 3), whose sides are scaled by `scale`."""
    random = np.random.default_rng(seed)
    height, width = (round(scale * length) for length in image.shape[:2])
    top, left = random.integers(image.shape[0] - height + 1), random.integers(image.shape[1] - width + 1)
    return image[top : top + height, left : left + width]


def _workers() -> int:
    """Default number of loader processes: one per core, less one for the training. Results do not depend on it."""
    cores = len(os.sched_getaffinity(0))
    return 0 if cores <= 2 else min(cores - 1, 16)
