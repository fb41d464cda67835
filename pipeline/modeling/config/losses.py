"""The settings of every loss, and the kind of head that each fits; the formulas are in modeling/losses.py."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from pipeline.formats.section import Section, expand_name, with_message

Kind = Literal["classes", "ordinal", "distribution", "regression"]
"""What a head predicts: class probabilities, ordered age bands, a distribution over years, or years."""

ClassWeights = Annotated[
    Literal["balanced"] | tuple[PositiveFloat, ...] | None,
    with_message("must be balanced, or a list of positive numbers, one a class"),
]
"""Weight of every class; `balanced` gives all classes of the training images the same total weight."""


class CrossEntropy(Section):
    """Cross entropy, with class weights and label smoothing."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["cross_entropy"] = "cross_entropy"
    class_weights: ClassWeights = None
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0


class Focal(Section):
    """Focal loss."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["focal"] = "focal"
    gamma: NonNegativeFloat = 2
    class_weights: ClassWeights = None


class SoftF1(Section):
    """One minus the macro F1 of probabilities in place of counts, over a batch."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["soft_f1"] = "soft_f1"


class ArcFace(Section):
    """Additive angular margin in radians; logits are cosines times `scale`."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["arcface"] = "arcface"
    margin: Annotated[float, Field(ge=0, le=1.5)] = 0.5
    scale: PositiveFloat = 30


ClassLoss = Annotated[
    CrossEntropy | Focal | SoftF1 | ArcFace, Field(discriminator="name"), BeforeValidator(expand_name)
]


class Mix(Section):
    """Two losses or more, each times its weight, summed."""

    kind: ClassVar[Kind] = "classes"
    name: Literal["mix"] = "mix"
    of: tuple[ClassLoss, ...]
    weights: tuple[PositiveFloat, ...] = (0.5, 0.5)

    @model_validator(mode="after")
    def _every_loss_has_a_weight(self) -> Self:
        if len(self.of) < 2 or len(self.of) != len(self.weights):
            raise ValueError(
                f"{len(self.of)} losses have {len(self.weights)} weights; a mix is of two or more, a weight each"
            )
        return self


class Coral(Section):
    """Binary cross entropy of every boundary between ordered classes."""

    kind: ClassVar[Kind] = "ordinal"
    name: Literal["coral"] = "coral"


class Dldl(Section):
    """Divergence of a distribution over years from soft labels, plus the error of its expectation (DLDL-v2).

    Attributes:
        std: Standard deviation of the soft labels in years.
        expectation: Weight of the error of the expectation.
    """

    kind: ClassVar[Kind] = "distribution"
    name: Literal["dldl"] = "dldl"
    std: PositiveFloat = 2
    expectation: NonNegativeFloat = 1


class SmoothL1(Section):
    """Smooth L1 (Huber) loss of years; quadratic below `beta` years."""

    kind: ClassVar[Kind] = "regression"
    name: Literal["smooth_l1"] = "smooth_l1"
    beta: PositiveFloat = 1


class Mse(Section):
    """Mean squared error of years."""

    kind: ClassVar[Kind] = "regression"
    name: Literal["mse"] = "mse"


Loss = Annotated[
    CrossEntropy | Focal | SoftF1 | ArcFace | Mix | Coral | Dldl | SmoothL1 | Mse,
    Field(discriminator="name"),
    BeforeValidator(expand_name),
]


class Trim(Section):
    """The rows with the largest losses of a batch are left out: their labels may be wrong.

    Attributes:
        share: Share of the rows of a batch that is left out.
        warmup: Number of epochs in which the share rises from 0: an untrained network finds every label surprising.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    warmup: NonNegativeFloat = 1

    def at(self, epoch: int) -> float:
        """The share that is left out in an epoch, counted from 0."""
        return self.share if epoch >= self.warmup else self.share * epoch / self.warmup


def parts(loss: Loss) -> tuple[Loss, ...]:
    """The losses that a mixture is of, or the loss itself."""
    return loss.of if isinstance(loss, Mix) else (loss,)
