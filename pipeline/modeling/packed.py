"""Packed crops of one file, or of two as if they were one."""

from typing import Protocol

from pipeline.formats.images import Pixels
from pipeline.modeling.sampling import Rows


class Packed(Protocol):
    """Images (height, width, 3) by row."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, row: int, /) -> Pixels:
        """The image of a row."""


class Joined:
    """Some rows of a second file after all rows of a first; both stay on disk, mapped into memory."""

    def __init__(self, first: Packed, second: Packed, rows: Rows) -> None:
        self._first, self._second, self._rows = first, second, rows

    def __len__(self) -> int:
        return len(self._first) + len(self._rows)

    def __getitem__(self, row: int, /) -> Pixels:
        own = row - len(self._first)
        return self._first[row] if own < 0 else self._second[self._rows[own]]
