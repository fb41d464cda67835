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
    """Folds."""

    by: Literal["person", "photo"] = "person"
    folds: Annotated[int, Field(ge=2)] = 5
    seed: Seed = 777
