"""An entry of `models:` in params.yaml: a backbone, its heads and how they are trained."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from pipeline.labels import ATTRIBUTES, SCORED_BANDS

Fraction = Annotated[float, Field(ge=0, le=1)]
Transform = dict[str, Any]  # one key, albumentations' own name, over its arguments


class Section(BaseModel):
    """Frozen, with no key but those declared; numbers are lax because Kubeflow turns 20 into 20.0."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _named(value: Any) -> Any:
    """A bare name stands for an entry without settings: `focal` is `{name: focal}`."""
    return {"name": value} if isinstance(value, str) else value


def attributes(head: str) -> tuple[str, ...]:
    """The attributes that a head's name multiplies: `gender x age` gives (gender, age)."""
    return tuple(part.strip() for part in head.split(" x "))


class CrossEntropy(Section):
    """Cross entropy."""

    name: Literal["cross_entropy"] = "cross_entropy"


class Focal(Section):
    """Focal loss (Lin et al. 2017)."""

    name: Literal["focal"]
    gamma: NonNegativeFloat = 2


class SmoothL1(Section):
    """Smooth L1 (Huber) loss of years; quadratic below `beta` years."""

    name: Literal["smooth_l1"]
    beta: PositiveFloat = 1


class Mse(Section):
    """Mean squared error of years."""

    name: Literal["mse"]


Loss = Annotated[CrossEntropy | Focal | SmoothL1 | Mse, Field(discriminator="name"), BeforeValidator(_named)]


class Head(Section):
    """One output of a model: a product of attributes as classes, or age in years."""

    kind: Literal["classes", "years"] = "classes"
    loss: Loss = CrossEntropy()
    weight: PositiveFloat = 1
    bands: tuple[PositiveInt, PositiveInt] = SCORED_BANDS

    @model_validator(mode="after")
    def _loss_fits_kind(self) -> Self:
        of_years = isinstance(self.loss, SmoothL1 | Mse)
        if of_years != (self.kind == "years"):
            raise ValueError(f"loss {self.loss.name} does not fit a head of kind {self.kind}")
        if self.bands[0] >= self.bands[1]:
            raise ValueError(f"bands {list(self.bands)} do not rise")
        return self


class Optimizer(Section):
    """The optimizer and its peak learning rate."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat = 0
    momentum: Fraction = 0.9


class Schedule(Section):
    """Course of the learning rate over the epochs; `warmup` epochs rise linearly to the peak."""

    name: Literal["constant", "cosine", "step"] = "constant"
    warmup: NonNegativeFloat = 0
    step: PositiveInt = 1
    factor: Fraction = 0.1


class Model(Section):
    """One trained network: a timm backbone, its heads and how it is trained."""

    backbone: str
    pretrained: bool = True
    weights: Path | None = None
    heads: Annotated[dict[str, Head], Field(min_length=1)]
    image_size: PositiveInt = 224
    normalize: Literal["imagenet", "competition", "half"] = "imagenet"
    preprocess: tuple[Transform, ...] = ()
    augmentation: tuple[Transform, ...] = ()
    flip: bool = False
    epochs: PositiveInt
    batch_size: PositiveInt = 64
    optimizer: Optimizer
    schedule: Annotated[Schedule, BeforeValidator(_named)] = Schedule()
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 777

    @field_validator("heads")
    @classmethod
    def _heads_name_attributes(cls, heads: dict[str, Head]) -> dict[str, Head]:
        for name, head in heads.items():
            parts = attributes(name)
            unknown = [part for part in parts if part not in ATTRIBUTES]
            if unknown or len(set(parts)) != len(parts):
                raise ValueError(f"head '{name}' is no product of {', '.join(ATTRIBUTES)}, written as 'gender x age'")
            if head.kind == "years" and parts != ("age",):
                raise ValueError(f"head '{name}' cannot be of kind years: only age has years")
        covered = [part for name in heads for part in attributes(name)]
        if len(set(covered)) != len(covered):
            raise ValueError(f"heads {', '.join(heads)} predict an attribute twice")
        return heads


class Recipe(Section):
    """What a weights file holds beside the weights: which model it is and how it came to be.

    `fold` is None for a refit; `epoch` counts the epochs that the kept weights were trained for.
    """

    model: str
    fold: int | None
    epoch: PositiveInt
    entry: Model
