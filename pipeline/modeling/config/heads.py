"""The configuration of a head: which attributes it predicts, as what, and with which loss."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.modeling.config.losses import (
    ArcFace,
    Coral,
    CrossEntropy,
    Dldl,
    Focal,
    Kind,
    Loss,
    SmoothL1,
    SoftF1,
    Trim,
    parts,
)
from pipeline.schema.schema import AGE, SCHEMA


def _usual_loss(settings: dict[str, Any]) -> Loss:
    match settings.get("kind"):
        case "ordinal":
            return Coral()
        case "distribution":
            return Dldl()
        case "regression":
            return SmoothL1()
        case _:
            return CrossEntropy()


class Head(Section):
    """One output of a model: attributes as classes, or age as ordered bands or in years.

    Attributes:
        kind: `classes` is one class per combination of the head's attributes, `ordinal` ordered age bands,
            `distribution` the probability of every year, `regression` age in years.
        loss: Cross entropy, CORAL, DLDL or smooth L1 by default, as the kind needs.
        weight: Weight of the loss in the sum over all heads.
        by: Another head of the model: a regression has a linear layer for each of its classes. A photo trains the layer
            of its class, and the prediction is the mean over the classes, weighted by their probabilities.
        trim: Leaving out the rows of a batch with the largest losses; off by default.
        bands: Ages at which the bands of the training targets begin, in years. Scores use the schema's bands.
    """

    kind: Kind = "classes"
    loss: Loss = Field(default_factory=_usual_loss)
    weight: PositiveFloat = 1
    by: str | None = None
    trim: Trim | None = None
    bands: tuple[PositiveInt, ...] = AGE.bands

    @property
    def of_years(self) -> bool:
        """Whether it is trained on ages in years, and not on classes."""
        return self.kind in ("distribution", "regression")

    @model_validator(mode="after")
    def _loss_fits_kind(self) -> Self:
        if self.loss.kind != self.kind:
            raise ValueError(f"loss {self.loss.name} does not fit a head of kind {self.kind}")
        if len(self.bands) != len(AGE.bands):
            raise ValueError(f"bands {list(self.bands)} are not {len(AGE.bands)} ages")
        if any(low >= high for low, high in pairwise(self.bands)):
            raise ValueError(f"bands {list(self.bands)} do not rise")
        return self

    @model_validator(mode="after")
    def _years_have_no_bands(self) -> Self:
        if self.of_years and self.bands != AGE.bands:
            raise ValueError(
                f"bands {list(self.bands)} have no effect on a head of years; move the boundaries of its predictions "
                "with ensemble.age_thresholds"
            )
        return self

    @model_validator(mode="after")
    def _rows_have_losses(self) -> Self:
        if self.trim and all(isinstance(part, SoftF1) for part in parts(self.loss)):
            raise ValueError("trim has no effect on soft_f1, which is of a whole batch: no row has a loss of its own")
        return self

    @model_validator(mode="after")
    def _cosines_have_one_scale(self) -> Self:
        scales = [part.scale for part in parts(self.loss) if isinstance(part, ArcFace)]
        if len(set(scales)) > 1:
            found = ", ".join(f"{scale:g}" for scale in scales)
            raise ValueError(f"the arcface losses of a mix have scales {found}; a head's cosines have one")
        return self


def check(heads: Mapping[str, Head]) -> None:
    """Raise `ValueError` unless the heads of a model name attributes, none of them twice, that fit their settings."""
    for name, head in heads.items():
        try:
            product = SCHEMA.head(name).names
        except InputError as error:
            raise ValueError(str(error)) from None
        if head.kind != "classes" and product != ("age",):
            raise ValueError(f"head '{name}' cannot be of kind {head.kind}: only age can")
        if head.by is not None:
            _check_by(name, head, head.by, heads)
        _check_class_weights(name, head.loss)
    covered = [attribute for name in heads for attribute in SCHEMA.head(name).names]
    if len(set(covered)) != len(covered):
        raise ValueError(f"heads {', '.join(heads)} predict an attribute twice")


def _check_by(name: str, head: Head, by: str, heads: Mapping[str, Head]) -> None:
    if head.kind != "regression":
        raise ValueError(f"by {by} of head '{name}' needs kind regression")
    if by not in heads or heads[by].kind != "classes":
        there = ", ".join(other for other in heads if heads[other].kind == "classes") or "none"
        raise ValueError(f"by {by} of head '{name}' is no head of classes of this model; there are {there}")


def _check_class_weights(name: str, loss: Loss) -> None:
    classes = SCHEMA.head(name).classes
    for part in parts(loss):
        weights = part.class_weights if isinstance(part, CrossEntropy | Focal) else None
        if isinstance(weights, tuple) and len(weights) != classes:
            raise ValueError(f"head '{name}' has {classes} classes, and class_weights of {part.name} {len(weights)}")
