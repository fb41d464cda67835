"""The data of one training: crops, targets of every row, and the rows of training and of validation."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling import targets
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.loader import Batches, Loader, Packed
from pipeline.modeling.sampling import Rows, oversampled
from pipeline.modeling.targets import Targets
from pipeline.schema.schema import Codes

Share = tuple[int, int]  # rank of a process and number of processes


@dataclass(frozen=True)
class FoldData:
    """Crops (n, height, width, 3), and for each of the n rows targets, strata, classes and weights.

    `training` are the rows to train on, `validation` those of the held-out fold, and `finishing` those of the
    held-out fold on which the last epochs train.
    """

    crops: Packed
    train_targets: Targets
    eval_targets: dict[str, Codes]
    strata: Codes
    classes: Codes
    weights: npt.NDArray[np.float32]
    training: Rows
    validation: Rows
    finishing: Rows

    @classmethod
    def of(cls, table: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_], config: ModelConfig) -> "FoldData":
        """The data of a configuration, from the labels of all crops; people of dropped ages are validated on only."""
        kept = targets.kept(table, config.drop_ages)
        if (kept & ~held_out).sum() < 2:
            raise ModelConfigError(f"drop_ages {config.model_dump()['drop_ages']} leaves nobody to train on")
        return cls(
            crops=crops,
            train_targets=targets.train_targets(table, config.heads),
            eval_targets=targets.eval_targets(table, config.heads),
            strata=targets.strata(table, config.heads),
            classes=targets.classes(table, config.heads),
            weights=targets.weights(table),
            training=np.flatnonzero(kept & ~held_out),
            validation=np.flatnonzero(held_out),
            finishing=np.flatnonzero(kept & held_out),
        )

    def digest(self) -> str:
        """Hash of everything that a training on these data depends on."""
        digest = hashlib.blake2b()
        for row in range(len(self.crops)):
            digest.update(self.crops[row].tobytes())
        targets = (*self.train_targets.values(), *self.eval_targets.values())
        rows = (self.training, self.validation, self.finishing)
        for array in (*targets, self.strata, self.classes, self.weights, *rows):
            digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
        return digest.hexdigest()

    def train_loader(self, rows: Rows, config: ModelConfig, share: Share) -> Loader:
        """Batches of augmented images of the rows, sampled as configured; at least two images per process."""
        processes = share[1]
        if processes > 1 and config.batch_size < 2 * processes:
            raise ModelConfigError(
                f"batch_size {config.batch_size} is too small for {processes} GPUs, each of which needs two images per "
                "batch: raise it, or name fewer GPUs in CUDA_VISIBLE_DEVICES"
            )
        rows = oversampled(rows, self.classes, config.oversample)
        strata = self.strata[rows % len(self.crops)]
        order = Batches(rows, config.batch_size, config.seed, share, config.sampling, strata)
        return Loader(self.crops, config, order, training=True)

    def val_loader(self, rows: Rows, config: ModelConfig, share: Share) -> Loader:
        """Batches of the rows, in order and without augmentation."""
        return Loader(self.crops, config, Batches(rows, 2 * config.batch_size, share=share), training=False)
