"""Parameters of the crops."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from pipeline.formats.section import Section, with_message


class Grow(Section):
    """Margin on each side of a face's box: pixels, or fractions of the box's width and height."""

    x: NonNegativeFloat = 20
    y: NonNegativeFloat = 30
    unit: Literal["pixels", "fraction"] = "pixels"


class Crop(Section):
    """The crop of a photo that models see; train and eval share one setting."""

    method: Literal["mtcnn", "grabcut", "center", "center_grabcut", "none"] = "mtcnn"
    grow: Grow = Grow()
    square: bool = False
    center: PositiveInt = 300
    size: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt],
        with_message("must be a positive number of pixels, or [height, width]"),
    ] = 224
    shards: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = (0,)

    @field_validator("shards")
    @classmethod
    def _numbered_from_zero(cls, shards: tuple[int, ...]) -> tuple[int, ...]:
        if shards != tuple(range(len(shards))):
            raise ValueError("must count 0, 1, 2, ...")
        return shards

    @property
    def searches_faces(self) -> bool:
        """Whether a photo with a face is cropped around it."""
        return self.method in ("mtcnn", "grabcut")

    @property
    def blackens(self) -> bool:
        """Whether the background of a crop is blackened."""
        return self.method in ("grabcut", "center_grabcut")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size
