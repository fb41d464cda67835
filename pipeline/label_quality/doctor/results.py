"""Checks with the outputs of the stages: photos without a face that can be cropped, and the weakest slices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from pipeline.dataset.layout import EVAL, TRAIN
from pipeline.faces.doubts import misframed
from pipeline.formats import crop_files
from pipeline.label_quality import suggestions
from pipeline.label_quality.doctor import slices
from pipeline.label_quality.doctor.findings import WARNING, Check, Finding
from pipeline.label_quality.doctor.photos import CheckedPhoto
from pipeline.schema.probabilities import Table

FACES = Check(
    "face",
    WARNING,
    "No face was found, or several, or one that lies on its side: the crop may not show the person.",
    "Look at the photo and at data/crops/doubtful.jpg. Turn, crop or replace it, or set crop.subject; crop.align turns "
    "faces upright.",
)


@dataclass(frozen=True)
class Results:
    """Outputs of the stages.

    Attributes:
        crops: The table of crops of each split.
        photos: Labelled photos (n) with out-of-fold predictions; None before there are any.
        probabilities: Their class probabilities (n, classes).
    """

    crops: dict[str, pd.DataFrame]
    photos: pd.DataFrame | None = None
    probabilities: Table | None = None

    @classmethod
    def read(cls, crops: Path, labels: Path, out_of_fold: Path) -> Self | None:
        """Read what there is; None without crops.

        Raises:
            InputError: When a file is malformed, or the predictions do not fit the labels.
        """
        if not crop_files.index_file(crops, "train").exists():
            return None
        found = {split: crop_files.table(crops, split) for split in ("train", "eval")}
        return cls(found, *suggestions.read(labels, out_of_fold)) if out_of_fold.exists() else cls(found)

    def find(self, measured: Sequence[CheckedPhoto]) -> Iterator[Finding]:
        """Findings on faces and, where there are predictions, on slices of `measured` photos."""
        for split, folder in (("train", TRAIN), ("eval", EVAL)):
            yield from _faces(self.crops[split], folder)
        if self.photos is not None and self.probabilities is not None:
            yield from slices.find(self.photos, self.probabilities, self.crops["train"], measured)


def _faces(crops: pd.DataFrame, folder: Path) -> Iterator[Finding]:
    reasons = misframed(crops, searched=bool((crops["source"] == "face").any()))
    for path, why in zip(crops["path"], reasons.to_numpy(), strict=True):
        if why.any():
            name = (folder / path).as_posix()
            yield Finding(FACES, f"{name}: {', '.join(reasons.columns[why])}", (name,))
