"""The data of one training: crops, targets, and the rows of training and validation."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats import arrays
from pipeline.formats.arrays import Packed
from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling import targets
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.sampling import Rows, oversampled
from pipeline.modeling.targets import SoftTargets, Targets
from pipeline.schema.schema import SCHEMA, Codes

Shard = tuple[int, int]  # rank of a process, number of processes


def crop_digests(table: pd.DataFrame, crops: Packed) -> Codes:
    """Hash (n,) of every crop: the column `digest` of the index of crops, so that no crop is read; else computed."""
    if "digest" in table:
        return table["digest"].to_numpy(np.int64)
    return np.array([arrays.digest(crops[row]) for row in range(len(crops))], np.int64)


@dataclass(frozen=True)
class FoldData:
    """The data of one training.

    Attributes:
        crops: Packed crops (n, height, width, 3).
        digests: Hash (n,) of every crop.
        train_targets: Training targets of every row, by head.
        eval_targets: Evaluation targets of every row, by head.
        strata: Joint class (n,) of every row, for sampling.
        classes: Class code 0..17 (n,) of every row, for oversampling and for the partners of CutMix.
        weights: Weight (n,) of every row in the loss.
        training: The rows to train on.
        validation: The rows of the held-out fold.
        finishing: The rows of the held-out fold on which the last epochs may train.
        soft_targets: Probabilities by head that the last rows are trained on, if any.
    """

    crops: Packed
    digests: Codes
    train_targets: Targets
    eval_targets: dict[str, Codes]
    strata: Codes
    classes: Codes
    weights: npt.NDArray[np.float32]
    training: Rows
    validation: Rows
    finishing: Rows
    soft_targets: SoftTargets = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        crops: Packed,
        held_out: npt.NDArray[np.bool_],
        config: ModelConfig,
        soft_targets: SoftTargets | None = None,
    ) -> "FoldData":
        """The data of a training; photos of dropped ages are only validated on, never trained on.

        Args:
            table: Labels of all crops, and their digests where the index of crops has them.
            crops: Packed crops (n, height, width, 3).
            held_out: Whether each crop (n,) is in the held-out fold.
            config: The model's configuration.
            soft_targets: Probabilities by head that the last rows are trained on; none by default.

        Raises:
            ModelConfigError: When `drop_ages` leaves fewer than two photos to train on.
        """
        kept = targets.kept(table, config.drop_ages)
        if (kept & ~held_out).sum() < 2:
            raise ModelConfigError(f"drop_ages {config.model_dump()['drop_ages']} leaves nobody to train on")
        return cls(
            crops=crops,
            digests=crop_digests(table, crops),
            train_targets=targets.train_targets(table, config.heads),
            eval_targets=targets.eval_targets(table, config.heads),
            strata=targets.strata(table, config.heads),
            classes=targets.classes(table, config.heads),
            weights=targets.weights(table),
            training=np.flatnonzero(kept & ~held_out),
            validation=np.flatnonzero(held_out),
            finishing=np.flatnonzero(kept & held_out),
            soft_targets=soft_targets or {},
        )

    def digest(self) -> str:
        """Hash of all crops, targets, weights and rows."""
        digest = hashlib.blake2b()
        targets = (*self.train_targets.values(), *self.eval_targets.values())
        rows = (self.training, self.validation, self.finishing)
        soft = self.soft_targets.values()
        for array in (self.digests, *targets, self.strata, self.classes, self.weights, *rows, *soft):
            digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
        return digest.hexdigest()

    def train_loader(self, rows: Rows, config: ModelConfig, shard: Shard) -> Loader:
        """Batches of augmented images, sampled as configured.

        Args:
            rows: The rows to train on.
            config: The model's configuration.
            shard: Rank of this process and number of processes.

        Raises:
            ModelConfigError: When a batch has fewer than two images per process.
        """
        processes = shard[1]
        if processes > 1 and config.batch_size < 2 * processes:
            raise ModelConfigError(
                f"batch_size {config.batch_size} is too small for {processes} GPUs, each of which needs two images per "
                "batch: raise it, or list fewer GPUs in CUDA_VISIBLE_DEVICES"
            )
        rows = oversampled(rows, self.classes, config.oversample)
        strata = self.strata[rows % len(self.crops)]
        order = Batches(rows, config.batch_size, config.seed, shard, config.sampling, strata)
        return Loader(self.crops, config, order, training=True, partners=self._partners(config))

    def val_loader(self, rows: Rows, config: ModelConfig, shard: Shard) -> Loader:
        """Batches of the rows, in order and without augmentation."""
        return Loader(self.crops, config, Batches(rows, 2 * config.batch_size, shard=shard), training=False)

    def _partners(self, config: ModelConfig) -> npt.NDArray[np.bool_] | None:
        """Whether each row (n,) may be a partner in CutMix; None where all may."""
        wanted = config.cutmix.partners if config.cutmix else {}
        if not wanted:
            return None
        codes = SCHEMA.decode(self.classes)
        allowed = [codes[name] == SCHEMA[name].values.index(value) for name, value in wanted.items()]
        return np.asarray(np.logical_and.reduce(allowed))
