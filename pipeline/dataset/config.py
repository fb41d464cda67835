"""Parameters of the data set: where it lies, its corrections and its folds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.formats.section import Section, Seed

FixFault = Literal["unmatched", "ambiguous", "different", "already", "conflicting"]


class Data(Section):
    """The data set: a folder with train/ and eval/."""

    root: Path


class Relabel(Section):
    """Corrections of labels: files of fixes/, and the kinds of mismatch that are tolerated."""

    fixes: tuple[str, ...] = ()
    allow: tuple[FixFault, ...] = ()


class Split(Section):
    """Folds of people, or one held-out share of them.

    Attributes:
        by: What is assigned to a fold. With `photo` a person stands on both sides, and scores are too high.
        folds: Number of folds.
        validation: Share of people that is held out as fold 0, instead of folds; the others are fold 1.
        same_people: Files of fixes/ that name people who are the same person; they share a fold.
        seed: Seed of the shuffle.
    """

    by: Literal["person", "photo"] = "person"
    folds: Annotated[int, Field(ge=2)] = 5
    validation: Annotated[float, Field(gt=0, lt=1)] | None = None
    same_people: tuple[str, ...] = ()
    seed: Seed = 777

    @property
    def held_out(self) -> range:
        """The folds that a training may hold out."""
        return range(self.folds if self.validation is None else 1)
