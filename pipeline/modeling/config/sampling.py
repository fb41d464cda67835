"""How an epoch samples its images, and how the images of a batch are mixed."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, field_validator

from pipeline.formats.section import Fraction, Section, expand_name
from pipeline.schema.schema import SCHEMA


class Shuffle(Section):
    """Every image once per epoch, in random order."""

    name: Literal["shuffle"] = "shuffle"


class Balanced(Section):
    """Sampling with replacement in which every joint class of the heads is equally likely."""

    name: Literal["balanced"] = "balanced"


class Weighted(Section):
    """Sampling with replacement by weights ``count(class) ** -strength``: 0 is uniform, 1 is balanced."""

    name: Literal["weighted"] = "weighted"
    strength: Fraction = 0.5


Sampling = Annotated[Shuffle | Balanced | Weighted, Field(discriminator="name"), BeforeValidator(expand_name)]


class Oversample(Section):
    """Copies of the images of rare classes, each a fixed random crop.

    Attributes:
        times: How often an image is in an epoch: once as it is, otherwise cropped.
        exclude: Class codes, of all attributes together, that are not copied.
        crop: Share of the height and width that a crop keeps.
    """

    times: Annotated[int, Field(ge=2)] = 5
    exclude: tuple[Annotated[int, Field(ge=0, lt=SCHEMA.classes)], ...] = ()
    crop: Annotated[float, Field(gt=0, lt=1)] = 0.9


class CutMix(Section):
    """A box of every image is replaced by that of another image of the batch.

    Attributes:
        probability: Probability that a batch is cut.
        half: Replace the left or the right half instead of a random box.
        alpha: Parameter of the Beta distribution of the box's area.
        partners: Values by attribute, such as `{age: ">=60"}`, of the images whose boxes are taken; any by default.
    """

    probability: Fraction = 0.5
    half: bool = False
    alpha: PositiveFloat = 1
    partners: dict[str, str] = Field(default_factory=dict)

    @field_validator("partners")
    @classmethod
    def _partners_exist(cls, partners: dict[str, str]) -> dict[str, str]:
        for name, value in partners.items():
            if name not in SCHEMA.names:
                raise ValueError(f"'{name}' is none of {', '.join(SCHEMA.names)}")
            if value not in SCHEMA[name].values:
                raise ValueError(f"{name} '{value}' is none of {', '.join(SCHEMA[name].values)}")
        return partners


class MixUp(Section):
    """Every image is blended with another image of the batch.

    Attributes:
        probability: Probability that a batch is blended.
        alpha: Parameter of the Beta distribution of the blend.
    """

    probability: Fraction = 1
    alpha: PositiveFloat = 0.2
