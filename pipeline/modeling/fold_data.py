"""What a training works on: packed crops, what every row of them is taught and judged by, and the rows used."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.foundation.errors import EntryError
from pipeline.modeling import targets
from pipeline.modeling.config import Model
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.packed import Packed
from pipeline.modeling.sampling import Rows, enlarged
from pipeline.modeling.targets import Targets
from pipeline.schema.labels import Codes

Share = tuple[int, int]  # of all batches: rank and number of processes


@dataclass(frozen=True)
class Material:
    """Crops (n, height, width, 3); `taught`, `scored`, `strata`, `classes` and `weights` have n rows each.

    `training` are the rows that are learnt from, `validation` those that are predicted, and `finishing` those of the
    validation that the last epochs may learn from.
    """

    crops: Packed
    taught: Targets
    scored: dict[str, Codes]
    strata: Codes
    classes: Codes
    weights: npt.NDArray[np.float32]
    training: Rows
    validation: Rows
    finishing: Rows

    @classmethod
    def of(cls, table: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_], entry: Model) -> "Material":
        """The material of an entry from the table of all crops; people of dropped ages are in validation alone."""
        kept = targets.kept(table, entry.drop_ages)
        if (kept & ~held_out).sum() < 2:
            raise EntryError(f"drop_ages {entry.model_dump()['drop_ages']} leaves nobody to train on")
        return cls(
            crops=crops,
            taught=targets.taught(table, entry.heads),
            scored=targets.scored(table, entry.heads),
            strata=targets.strata(table, entry.heads),
            classes=targets.classes(table, entry.heads),
            weights=targets.weights(table),
            training=np.flatnonzero(kept & ~held_out),
            validation=np.flatnonzero(held_out),
            finishing=np.flatnonzero(kept & held_out),
        )

    def to_learn(self, rows: Rows, entry: Model, share: Share) -> Loader:
        """Batches of augmented pictures of the rows, sampled as the entry says; two pictures a process at least."""
        processes = share[1]
        if processes > 1 and entry.batch_size < 2 * processes:
            raise EntryError(
                f"batch_size {entry.batch_size} is too small for {processes} GPUs, each of which needs two pictures of "
                "a batch: raise it, or name fewer GPUs in CUDA_VISIBLE_DEVICES"
            )
        rows = enlarged(rows, self.classes, entry.enlarge)
        strata = self.strata[rows % len(self.crops)]
        order = Batches(rows, entry.batch_size, entry.seed, share, entry.sampling, strata)
        return Loader(self.crops, entry, order, training=True)

    def to_predict(self, rows: Rows, entry: Model, share: Share) -> Loader:
        """Batches of the rows in order."""
        return Loader(self.crops, entry, Batches(rows, 2 * entry.batch_size, share=share), training=False)
