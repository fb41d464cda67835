"""What a training works on: packed crops, what every row of them is train_targets and judged by, and the rows used."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.foundation.errors import EntryError
from pipeline.modeling import targets
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.packed import Packed
from pipeline.modeling.sampling import Rows, oversampled
from pipeline.modeling.targets import Targets
from pipeline.schema.labels import Codes

Share = tuple[int, int]  # of all batches: rank and number of processes


@dataclass(frozen=True)
class FoldData:
    """Crops (n, height, width, 3); `train_targets`, `eval_targets`, `strata`, `classes` and `weights` have n rows each.

    `training` are the rows that are learnt from, `validation` those that are predicted, and `finishing` those of the
    validation that the last epochs may learn from.
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
        """The fold_data of an config from the table of all crops; people of dropped ages are in validation alone."""
        kept = targets.kept(table, config.drop_ages)
        if (kept & ~held_out).sum() < 2:
            raise EntryError(f"drop_ages {config.model_dump()['drop_ages']} leaves nobody to train on")
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

    def to_learn(self, rows: Rows, config: ModelConfig, share: Share) -> Loader:
        """Batches of augmented images of the rows, sampled as the config says; two images a process at least."""
        processes = share[1]
        if processes > 1 and config.batch_size < 2 * processes:
            raise EntryError(
                f"batch_size {config.batch_size} is too small for {processes} GPUs, each of which needs two images of "
                "a batch: raise it, or name fewer GPUs in CUDA_VISIBLE_DEVICES"
            )
        rows = oversampled(rows, self.classes, config.oversample)
        strata = self.strata[rows % len(self.crops)]
        order = Batches(rows, config.batch_size, config.seed, share, config.sampling, strata)
        return Loader(self.crops, config, order, training=True)

    def to_predict(self, rows: Rows, config: ModelConfig, share: Share) -> Loader:
        """Batches of the rows in order."""
        return Loader(self.crops, config, Batches(rows, 2 * config.batch_size, share=share), training=False)
