"""Parameters of the data set: its folder, its corrections and its folds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.formats.section import Section, Seed

FixFault = Literal["unmatched", "ambiguous", "different", "already", "conflicting"]


class Data(Section):
    """The data set: a folder with train/ and eval/."""

    root: Path


class Relabel(Section):
    """Corrections of labels, and weights of photos.

    Attributes:
        fixes: Files of fixes/ with corrections.
        allow: Kinds of mismatch that are tolerated.
        weights: Files of fixes/ with weights of photos in the losses of training; others have 1.
    """

    fixes: tuple[str, ...] = ()
    allow: tuple[FixFault, ...] = ()
    weights: tuple[str, ...] = ()


class Split(Section):
    """Folds of people, or one held-out share of them.

    Attributes:
        by: The unit of assignment to folds. With `photo`, photos of one person are in several folds, and scores are
            too high.
        folds: Number of folds.
        validation: Share of people in a single held-out fold 0, instead of folds; the others are fold 1.
        same_people: Files of fixes/ with pairs of folders of the same person; both go to the same fold.
        seed: Seed of the shuffle.
    """

    by: Literal["person", "photo"] = "person"
    folds: Annotated[int, Field(ge=2)] = 5
    validation: Annotated[float, Field(gt=0, lt=1)] | None = None
    same_people: tuple[str, ...] = ()
    seed: Seed = 777

    @property
    def held_out(self) -> range:
        """The folds that a training can hold out."""
        return range(self.folds if self.validation is None else 1)
