"""Parameters of the ensemble."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from pipeline.formats.section import Section, distinct, with_message
from pipeline.schema.schema import AGE

Vote = Literal["soft", "logit_mean", "hard"]
Stacking = Literal["regression", "boosting"]


class People(Section):
    """Eval photos grouped by person: what all photos of a person share is predicted once for a group.

    Attributes:
        precision: Share of the pairs of photos in a group that must show one person, on labelled people; photos that
            would lower it stay apart.
        photos: Largest number of photos of a person.
        pool: How much each photo of a group counts: `equal`, or `fitted` to the likelihood of the labels, by what the
            photo shows beside the person (the mask).
    """

    precision: Annotated[float, Field(gt=0, le=1)] = 0.98
    photos: Annotated[int, Field(ge=2)] = 7
    pool: Literal["equal", "fitted"] = "fitted"


class Ensemble(Section):
    """How the predictions of all members become one table of class probabilities.

    Attributes:
        systems: Lists of models that together predict every attribute once; `per_attribute` makes every trained model
            a system for each attribute that it predicts.
        vote: How the folds of a model vote, and how the systems vote.
        top_folds: Number of folds of each model that predict eval, the best by out-of-fold score; all by default.
        top_systems: Largest number of systems that vote; all by default.
        choice: Which systems these are: the best by out-of-fold score, or systems that score well together and are
            unlike each other.
        weights: Weights of the systems: equal, fitted greedily to macro F1, stacked by likelihood, or given.
        stacking: A second model in place of the weighted vote of the systems, fitted on their log probabilities: a
            multinomial regression, or LightGBM's boosted trees; none by default.
        age_thresholds: Years at which the next age band begins, for heads of years and of distributions over them: the
            scored boundaries less half a year (29.5 and 59.5, because labels are whole years), fitted, or given.
        people: How photos are grouped by person, and pooled; every photo by itself by default.
        calibrate: Whether heads of classes get a temperature, where it helps on other folds.
        label_shift: Whether eval's probabilities are corrected to eval's class priors.
        class_bias: Whether classes get a bias that raises macro F1.
    """

    systems: Annotated[
        Literal["per_attribute"]
        | Annotated[tuple[tuple[str, ...], ...], Field(min_length=1), AfterValidator(distinct)],
        with_message("must be per_attribute, or lists of models such as [[mask, gender, age]], no two alike"),
    ]
    vote: Vote = "soft"
    top_folds: PositiveInt | None = None
    top_systems: PositiveInt | None = None
    choice: Literal["best", "unlike"] = "best"
    weights: Annotated[
        Literal["equal", "greedy", "stacked"] | tuple[NonNegativeFloat, ...],
        with_message("must be equal, greedy, stacked or a list of numbers, none negative"),
    ] = "equal"
    stacking: Stacking | None = None
    age_thresholds: Annotated[
        Literal["scored", "fitted"] | tuple[PositiveFloat, ...],
        with_message("must be scored, fitted or a list of years such as [29.5, 57.5]"),
    ] = "scored"
    people: People | None = None
    calibrate: bool = False
    label_shift: bool = False
    class_bias: bool = False

    @model_validator(mode="after")
    def _label_shift_needs_calibration(self) -> Self:
        if self.label_shift and not self.calibrate:
            raise ValueError("label_shift needs calibrate: true; eval's class priors are estimated from probabilities")
        return self

    @model_validator(mode="after")
    def _age_thresholds_rise(self) -> Self:
        given = self.age_thresholds
        if isinstance(given, tuple) and (len(given) != len(AGE.bands) or any(a >= b for a, b in pairwise(given))):
            raise ValueError(f"age_thresholds {list(given)} are not {len(AGE.bands)} years that rise")
        return self

    @model_validator(mode="after")
    def _weights_fit_systems(self) -> Self:
        if not isinstance(self.weights, tuple):
            return self
        if self.systems == "per_attribute" or len(self.weights) != len(self.systems) or not any(self.weights):
            raise ValueError(f"weights {list(self.weights)} are not a number for each of systems, one above 0 at least")
        if self.top_systems:
            raise ValueError("top_systems chooses systems by score and weights fixes them: leave out one of the two")
        return self

    @model_validator(mode="after")
    def _choice_has_a_number(self) -> Self:
        if self.choice == "unlike" and self.top_systems is None:
            raise ValueError("choice unlike needs top_systems, the largest number of systems that vote, such as 4")
        return self

    @model_validator(mode="after")
    def _stacked_votes_are_soft(self) -> Self:
        if self.weights == "stacked" and self.vote != "soft":
            raise ValueError(f"weights stacked are those of a mean probability: set vote to soft, not {self.vote}")
        return self

    @model_validator(mode="after")
    def _stacking_has_no_weights(self) -> Self:
        if self.stacking and self.weights != "equal":
            raise ValueError(f"stacking {self.stacking} takes the place of weights: leave out one of the two")
        return self

    @property
    def fits_choices(self) -> bool:
        """Whether weights, systems or age thresholds are chosen by out-of-fold predictions."""
        fitted = self.weights in ("greedy", "stacked") or self.stacking is not None
        return fitted or self.top_systems is not None or self.age_thresholds == "fitted"
