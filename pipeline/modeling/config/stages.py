"""Which models are trained, refitted and pseudo-labelled."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from pipeline.formats.section import Fraction, Section, distinct

Models = Annotated[tuple[str, ...], AfterValidator(distinct)]


class Train(Section):
    """Which models are trained, and on which folds."""

    models: Annotated[Models, Field(min_length=1)]
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(distinct)]


class Refit(Section):
    """Which models are trained once more on all data.

    `epochs` is the number of epochs by model; of a model that it does not name, the mean of the epochs that its folds
    kept.
    """

    models: Models = ()
    epochs: dict[str, PositiveInt] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _epochs_are_written(self) -> Self:
        if self.models and "epochs" not in self.model_fields_set:  # DVC refuses a parameter that is not in the file
            raise ValueError("epochs is missing: write `epochs: {}` for the mean of the epochs that the folds kept")
        return self


class PseudoLabel(Section):
    """Which models are trained again with their own eval predictions as pseudo labels.

    Of the eval photos of each predicted class, the `share` with the highest probability joins the training; `weight`
    is that of a pseudo label in the loss, beside 1 for a true label.
    """

    models: Models = ()
    share: Fraction = 0.5
    weight: PositiveFloat = 0.5
