"""Which models are trained, refitted and pseudo-labelled."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from pipeline.formats.section import Fraction, Section, distinct

Models = Annotated[tuple[str, ...], AfterValidator(distinct)]


class Train(Section):
    """Which models are trained, and on which folds."""

    models: Annotated[Models, Field(min_length=1)]
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(distinct)]


class Refit(Section):
    """Which models are trained once more on everybody, for the number of epochs that the folds found best."""

    models: Models = ()


class PseudoLabel(Section):
    """Which models are trained a second time, and how the eval images that they are sure of join: pseudo labels.

    A image joins where the probabilities of the labels of all heads multiply to `confidence` or more.
    """

    models: Models = ()
    confidence: Fraction = 0.95
    weight: PositiveFloat = 0.5
