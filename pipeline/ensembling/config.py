"""Parameters of the ensemble."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt, model_validator

from pipeline.formats.section import Section, distinct, worded


class Ensemble(Section):
    """How members become one answer.

    A system is a list of models that together predict all attributes; `per_attribute` makes every trained model a
    system for each attribute that it predicts. The folds of a model vote, and so do the systems. Heads may be
    calibrated, and the answer adapted to the mix of classes in eval, and moved by offsets that raise macro F1.
    """

    systems: Annotated[
        Literal["per_attribute"]
        | Annotated[tuple[tuple[str, ...], ...], Field(min_length=1), AfterValidator(distinct)],
        worded("must be per_attribute, or lists of models such as [[mask, gender, age]], no two alike"),
    ]
    vote: Literal["soft", "logit_mean", "hard"] = "soft"
    top_folds: PositiveInt | None = None
    top_systems: PositiveInt | None = None
    weights: Annotated[
        Literal["equal", "greedy"] | tuple[NonNegativeFloat, ...],
        worded("must be equal, greedy or a list of numbers, none negative"),
    ] = "equal"
    calibrate: bool = False
    label_shift: bool = False
    class_bias: bool = False

    @model_validator(mode="after")
    def _adapts_only_what_is_calibrated(self) -> Self:
        if self.label_shift and not self.calibrate:
            raise ValueError("label_shift needs calibrate: true; the mix of eval is estimated from probabilities")
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
