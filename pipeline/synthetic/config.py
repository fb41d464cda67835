"""Parameters of the synthetic sample."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.formats.section import Section, Seed


class Sample(Section):
    """The synthetic data set."""

    people: Annotated[int, Field(ge=24)] = 90
    eval_people: PositiveInt = 30
    seed: Seed = 777
