"""Sizes of photos: where a setting of the crops is in pixels, photos of another size are framed otherwise."""

from typing import NamedTuple, Self

import pandas as pd

UNLIKE = 1.25
"""Ratio of the shorter sides of two photos from which their sizes count as different."""


class PhotoSizes(NamedTuple):
    """The smallest and the largest shorter side of some photos, in pixels."""

    smallest: int
    largest: int

    @classmethod
    def of(cls, crops: pd.DataFrame) -> Self:
        """The sizes of the photos of a table of crops with the columns `tables.CROPS`."""
        shorter = crops[["photo_width", "photo_height"]].min(axis=1)
        return cls(int(shorter.min()), int(shorter.max()))

    @property
    def vary(self) -> bool:
        """Whether the photos are of different sizes."""
        return self.largest > UNLIKE * self.smallest

    def exceed(self, others: "PhotoSizes") -> bool:
        """Whether a photo is of another size than all others."""
        return self.largest > UNLIKE * others.largest or others.smallest > UNLIKE * self.smallest

    def __str__(self) -> str:
        """The range, as messages name it."""
        return f"{self.smallest:,}" if self.smallest == self.largest else f"{self.smallest:,} to {self.largest:,}"
