"""The optimizer and the course of its learning rate."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.formats.section import Fraction, Section, named


class Optimizer(Section):
    """The optimizer and its peak learning rate; `momentum` is that of sgd and madgrad."""

    name: Literal["adam", "adamw", "sgd", "madgrad"] = "adam"
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat = 0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9


class Constant(Section):
    """The peak throughout; `warmup` epochs, here and below, rise to it linearly."""

    name: Literal["constant"] = "constant"
    warmup: NonNegativeFloat = 0


class Step(Section):
    """Times `factor` every `step` epochs."""

    name: Literal["step"] = "step"
    warmup: NonNegativeFloat = 0
    step: PositiveInt = 1
    factor: Fraction = 0.1


class Cosine(Section):
    """Half a cosine from the peak to zero."""

    name: Literal["cosine"] = "cosine"
    warmup: NonNegativeFloat = 0


class OneCycle(Section):
    """Half a cosine up to the peak for `rise` of the epochs, and half a cosine down."""

    name: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Plateau(Section):
    """Times `factor` whenever the loss has not improved for more than `patience` epochs.

    The loss is that of validation, and of training where there is none; the same as torch's ReduceLROnPlateau.
    """

    name: Literal["plateau"] = "plateau"
    warmup: NonNegativeFloat = 0
    patience: NonNegativeInt = 3
    factor: Fraction = 0.1


Schedule = Annotated[Constant | Step | Cosine | OneCycle | Plateau, Field(discriminator="name"), BeforeValidator(named)]
