"""The optimizer and the schedule of its learning rate."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from pipeline.formats.section import Fraction, Section, expand_name
from pipeline.foundation.errors import did_you_mean

OPTIMIZERS = frozenset(
    """
    adabelief adadelta adafactor adafactorbv adafactorbvc adagrad adam adamax adamc adamp adamuon adamw adamwlegacy
    adan adanw adopt adoptc adoptw cadafactor cadafactorbv cadafactorbvc cadamc cadamp cadamw cadan cadanw cadopt
    cadoptc cadoptw clamb clambw claprop clion clionc cmars cnadamc cnadamw crmsproptf csgdc csgdp csgdw
    lamb lambc lambcd lambcw lambw laprop lapropc larc lars lion lionc madgrad madgradw mars momentum muon
    nadam nadamc nadamlegacy nadamuon nadamw nesterov nesterovw nlarc nlars nmuon novograd novogradc novogradw
    radabelief radam radamlegacy radamw rmsprop rmsproptf rmsproptfc rmsproptfw sgd sgdc sgdp sgdw
    """.split()  # noqa: SIM905  a line a name would be longer than the rest of this file
)
"""Optimizers of timm by name.

Missing are those of apex and bitsandbytes, adahessian, which needs second derivatives, and kron, whose random numbers
no checkpoint keeps.
"""


def _known(name: str) -> str:
    if name not in OPTIMIZERS:
        raise ValueError(f"'{name}' is no optimizer of timm{did_you_mean(name, OPTIMIZERS)}")
    return name


class Optimizer(Section):
    """An optimizer and its peak learning rate.

    With `until`, another optimizer takes over after so many epochs of the training: the one under `then`. It starts
    without moments; the schedule goes on.

    Attributes:
        name: The optimizer's name in timm.
        learning_rate: Peak learning rate.
        layer_decay: Learning rate of each layer of the backbone as a share of that of the next one.
        head_factor: Learning rate of the heads as a multiple of the peak learning rate.
        weight_decay: Weight decay of all weights but biases and those of normalisation.
        momentum: Momentum of the optimizers that have one, such as sgd and madgrad.
        args: Further arguments of the optimizer.
        until: Number of epochs after which the next optimizer takes over.
        then: The next optimizer.
    """

    name: Annotated[str, AfterValidator(_known)] = "adam"
    learning_rate: PositiveFloat
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    head_factor: PositiveFloat = 1
    weight_decay: NonNegativeFloat = 0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    args: dict[str, Any] = Field(default_factory=dict)
    until: PositiveInt | None = None
    then: "Optimizer | None" = None

    @property
    def sequence(self) -> tuple["Optimizer", ...]:
        """This optimizer and those that take over, in their order."""
        return (self, *(self.then.sequence if self.then else ()))

    def at(self, epoch: float) -> "Optimizer":
        """The optimizer of an epoch, counted from 0."""
        return self.sequence[self.position(epoch)]

    def position(self, epoch: float) -> int:
        """Position in the sequence of the optimizer of an epoch, counted from 0."""
        return sum(each.until is not None and epoch >= each.until for each in self.sequence)

    @model_validator(mode="after")
    def _changes_at_an_epoch(self) -> Self:
        if (self.until is None) != (self.then is None):
            raise ValueError("until and then go together: the epochs of this optimizer, and the next one")
        if self.until and self.then and self.then.until and self.then.until <= self.until:
            raise ValueError(f"until {self.then.until} of the next optimizer is not after {self.until}")
        return self


class Constant(Section):
    """The peak rate throughout, after `warmup` epochs of a linear rise from 0, which other schedules have too."""

    name: Literal["constant"] = "constant"
    warmup: NonNegativeFloat = 0


class Step(Section):
    """The rate times `factor` every `step` epochs."""

    name: Literal["step"] = "step"
    warmup: NonNegativeFloat = 0
    step: PositiveInt = 1
    factor: Fraction = 0.1


class Cosine(Section):
    """Half a cosine from the peak rate to 0."""

    name: Literal["cosine"] = "cosine"
    warmup: NonNegativeFloat = 0


class OneCycle(Section):
    """Half a cosine up to the peak rate in a share `rise` of the epochs, and half a cosine down in the rest."""

    name: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Plateau(Section):
    """The rate times `factor` whenever the loss has not improved for more than `patience` epochs.

    The same as torch's ReduceLROnPlateau, on the training loss, or on the validation loss where `select` is a score of
    the held-out fold.
    """

    name: Literal["plateau"] = "plateau"
    warmup: NonNegativeFloat = 0
    patience: NonNegativeInt = 3
    factor: Fraction = 0.1


Schedule = Annotated[
    Constant | Step | Cosine | OneCycle | Plateau, Field(discriminator="name"), BeforeValidator(expand_name)
]
