"""The sections of params.yaml as frozen types, one for each stage."""

from pathlib import Path
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

from pipeline.entries.section import Fraction, Section, once, worded

FixFault = Literal["unmatched", "ambiguous", "different", "already", "conflicting"]


class Data(Section):
    """The data set: a folder with train/ and eval/."""

    root: Path


class Sample(Section):
    """The drawn data set."""

    people: Annotated[int, Field(ge=24)] = 90
    eval_people: PositiveInt = 30
    seed: int = 777


class Relabel(Section):
    """Corrections of labels: files of fixes/, and the kinds of mismatch that are tolerated."""

    fixes: tuple[str, ...] = ()
    allow: tuple[FixFault, ...] = ()


class Grow(Section):
    """How far a face's box grows on each side: pixels, or fractions of the box's width and height."""

    x: NonNegativeFloat = 20
    y: NonNegativeFloat = 30
    unit: Literal["pixels", "fraction"] = "pixels"


class Crop(Section):
    """From a photograph to the picture that models see; one setting for train and eval."""

    method: Literal["mtcnn", "grabcut", "center", "none"] = "mtcnn"
    grow: Grow = Grow()
    square: bool = False
    center: PositiveInt = 300
    size: Annotated[
        PositiveInt | tuple[PositiveInt, PositiveInt], worded("must be a positive number of pixels, or [height, width]")
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
        """Whether a picture is cut around its face, where it has one."""
        return self.method in ("mtcnn", "grabcut")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


class Split(Section):
    """Folds."""

    by: Literal["person", "picture"] = "person"
    folds: Annotated[int, Field(ge=2)] = 5
    seed: int = 777


class Train(Section):
    """Which models are trained, and on which folds."""

    models: Annotated[tuple[str, ...], Field(min_length=1), once]
    folds: Annotated[tuple[int, ...], Field(min_length=1), once]


class Refit(Section):
    """Which models are trained once more on everybody, for the number of epochs that the folds found best."""

    models: Annotated[tuple[str, ...], once] = ()


class Retrain(Section):
    """Which models are trained a second time, and how the eval pictures that they are sure of join: pseudo labels.

    A picture joins where the probabilities of the labels of all heads multiply to `confidence` or more.
    """

    models: Annotated[tuple[str, ...], once] = ()
    confidence: Fraction = 0.95
    weight: PositiveFloat = 0.5


class Ensemble(Section):
    """How members become one answer.

    A system is a list of models that together predict all attributes; `per_attribute` makes every trained model a
    system for each attribute that it predicts. The folds of a model vote, and so do the systems. Heads may be
    calibrated, and the answer adapted to the mix of classes in eval, and moved by offsets that raise macro F1.
    """

    systems: Annotated[
        Literal["per_attribute"] | Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)],
        worded("must be per_attribute, or lists of models such as [[mask, gender, age]]"),
    ]
    vote: Literal["soft", "logit_mean", "hard"] = "soft"
    top_folds: PositiveInt | None = None
    top_systems: PositiveInt | None = None
    weights: Annotated[
        Literal["equal", "greedy"] | tuple[NonNegativeFloat, ...],
        worded("must be equal, greedy or a list of numbers, none negative"),
    ] = "equal"
    calibrate: bool = False
    adapt: bool = False
    offsets: bool = False

    @model_validator(mode="after")
    def _adapts_only_what_is_calibrated(self) -> Self:
        if self.adapt and not self.calibrate:
            raise ValueError("adapt needs calibrate: true; the mix of eval is estimated from probabilities")
        return self

    @model_validator(mode="after")
    def _weights_fit_systems(self) -> Self:
        if not isinstance(self.weights, tuple):
            return self
        if self.systems == "per_attribute" or len(self.weights) != len(self.systems) or not any(self.weights):
            raise ValueError(f"weights {list(self.weights)} are not a number for each of systems, one above 0 at least")
        if self.top_systems:
            raise ValueError("top_systems chooses systems by score, weights gives them: leave out one of the two")
        return self

    @property
    def chooses(self) -> bool:
        """Whether anything but the spread of years is fitted on the out-of-fold predictions."""
        return self.weights == "greedy" or self.top_systems is not None
