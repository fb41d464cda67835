"""Parameters of the crops."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, field_validator

from pipeline.formats.images import MAX_PIXELS
from pipeline.formats.section import Section, with_message


class Grow(Section):
    """Margin on each side of a face's box: pixels, or fractions of the box's width and height."""

    x: NonNegativeFloat = 20
    y: NonNegativeFloat = 30
    unit: Literal["pixels", "fraction"] = "pixels"


class Crop(Section):
    """The crop of a photo that models see; train and eval share one setting.

    Attributes:
        method: How the face is found, and whether the background is blackened.
        grow: Margin around the face.
        square: Whether the box is made square.
        center: Side of the centre crop, in pixels, where no face is found.
        size: Side, or height and width, of a crop in pixels.
        thumbnail: Height and width of a thumbnail of the whole photo, which `ensemble.people` needs; none by default.
        shards: Numbers of the shards.
    """

    method: Literal["mtcnn", "grabcut", "center", "center_grabcut", "none"] = "mtcnn"
    grow: Grow = Grow()
    square: bool = False
    center: PositiveInt = 300
    size: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt],
        with_message("must be a positive number of pixels, or [height, width]"),
    ] = 224
    thumbnail: tuple[PositiveInt, PositiveInt] | None = None
    max_pixels: PositiveInt = MAX_PIXELS
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
