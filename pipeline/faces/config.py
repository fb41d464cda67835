"""Parameters of the crops."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from pipeline.formats.images import MAX_PIXELS
from pipeline.formats.section import Section, with_message

SETTINGS = "settings.json"
"""File of the settings of crops, beside them."""
Unit = Literal["fraction", "pixels"]


class Grow(Section):
    """Margin on each side of a face's box: fractions of the box's width and height, or pixels of the photo.

    Pixels frame a face alike only in photos of one size.
    """

    x: NonNegativeFloat = 0.25
    y: NonNegativeFloat = 0.3
    unit: Unit = "fraction"


class Center(Section):
    """Side of the centre crop: a fraction of the photo's shorter side, or pixels."""

    side: PositiveFloat = 0.8
    unit: Unit = "fraction"

    @model_validator(mode="after")
    def _fits_its_unit(self) -> Self:
        if self.unit == "fraction" and self.side > 1:
            raise ValueError(f"side {self.side:g} is more than the whole photo; for pixels set unit: pixels")
        if self.unit == "pixels" and self.side != round(self.side):
            raise ValueError(f"side {self.side:g} is no whole number of pixels")
        return self


class Align(Section):
    """Alignment of a face by its five landmarks, in place of a grown box.

    Attributes:
        coverage: Share of the crop's shorter side that the square of ArcFace's template takes. At 1 the crop ends at
            forehead and chin; smaller shares show more hair, chin and background.
    """

    coverage: Annotated[float, Field(gt=0, le=1)] = 0.6


class Crop(Section):
    """The crop of a photo that models see; train and eval share one setting.

    Attributes:
        method: Search for a face (`mtcnn`), take the centre, or the whole photo; `grabcut` blackens the background.
        subject: The face that is cropped, of several: by size, distance from the centre and confidence (`main`), or
            the `largest`.
        align: Alignment by the landmarks, in place of `grow` and `square`; off by default.
        grow: Margin around the face.
        square: Make the grown box a square of its longer side.
        center: The centre crop, where no face is found.
        size: Height and width of a crop in pixels.
        thumbnail: Height and width of a thumbnail of the whole photo, which `ensemble.people` needs; none by default.
        max_pixels: Larger photos are refused before they are decoded.
        shards: Numbers of the parallel tasks.
    """

    method: Literal["mtcnn", "grabcut", "center", "center_grabcut", "none"] = "mtcnn"
    subject: Literal["main", "largest"] = "main"
    align: Align | None = None
    grow: Grow = Grow()
    square: bool = False
    center: Center = Center()
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

    @model_validator(mode="after")
    def _alignment_has_landmarks(self) -> Self:
        if self.align and not self.searches_faces:
            raise ValueError(f"align needs landmarks of a face, and method {self.method} searches none")
        return self

    @property
    def depends_on_photo_size(self) -> bool:
        """Whether the same scene in more pixels is cropped otherwise, because a setting is in pixels of the photo."""
        grows = self.searches_faces and self.align is None
        return self.method != "none" and "pixels" in (self.center.unit, self.grow.unit if grows else "fraction")

    def as_json(self) -> str:
        """The settings that a crop depends on, as text: all but the shards and the maximum of pixels."""
        return self.model_dump_json(exclude={"shards", "max_pixels"}, indent=2) + "\n"

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
