"""Which images an epoch of training has, and how they are mixed with each other."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat

from pipeline.formats.section import Fraction, Section, named
from pipeline.schema.schema import SCHEMA


class Shuffle(Section):
    """Every image once, in a random order."""

    name: Literal["shuffle"] = "shuffle"


class Balanced(Section):
    """Draws with replacement in which every class of the heads is equally likely."""

    name: Literal["balanced"] = "balanced"


class Weighted(Section):
    """Draws with replacement, of weight ``count(class) ** -strength``: 0 is every image alike, 1 is balanced."""

    name: Literal["weighted"] = "weighted"
    strength: Fraction = 0.5


Sampling = Annotated[Shuffle | Balanced | Weighted, Field(discriminator="name"), BeforeValidator(named)]


class Oversample(Section):
    """Rare classes made larger before training: each image stands there `times` times, all but one randomly cut.

    `exclude` names the classes, of the 18, that stay as they are; `crop` is the share of a image's sides that is kept.
    """

    times: Annotated[int, Field(ge=2)] = 5
    exclude: tuple[Annotated[int, Field(ge=0, lt=SCHEMA.classes)], ...] = ()
    crop: Annotated[float, Field(gt=0, lt=1)] = 0.9


class CutMix(Section):
    """A box of another image of the batch in each image; with `half` that box is its left or right half."""

    probability: Fraction = 0.5
    half: bool = False
    alpha: PositiveFloat = 1


class MixUp(Section):
    """Each image blended with another of the batch."""

    probability: Fraction = 1
    alpha: PositiveFloat = 0.2
