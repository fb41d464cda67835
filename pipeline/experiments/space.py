"""A search space: distributions of parameters, the budget, and the people and seeds that choose and that score."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from pipeline.config import params, recipes
from pipeline.config.validation_messages import validated
from pipeline.experiments.ablation import Folds, Seeds
from pipeline.experiments.changes import changed
from pipeline.formats.documents import parse_yaml, read_text
from pipeline.formats.section import Section, Seed
from pipeline.foundation.errors import InputError, raise_faults

Bounds = tuple[float, float]


class Distribution(Section):
    """The values of a parameter, in one of four ways.

    Attributes:
        choice: Any of these values.
        uniform: A number between two bounds.
        log: A number between two bounds above 0, uniform in its logarithm.
        integer: A whole number between two bounds, both included; `int` in the file.
    """

    choice: Annotated[tuple[Any, ...], Field(min_length=2)] | None = None
    uniform: Bounds | None = None
    log: Bounds | None = None
    integer: tuple[int, int] | None = Field(default=None, alias="int")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must be one of choice: [...], uniform: [low, high], log: [low, high], int: [low, high]")
        bounds = self.uniform or self.log or self.integer
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError(f"{given[0]}: {bounds[0]:g} is not below {bounds[1]:g}")
        if self.log and self.log[0] <= 0:
            raise ValueError(f"log: {self.log[0]:g} has no logarithm; the lower bound must be above 0")
        return self

    @property
    def extremes(self) -> tuple[Any, ...]:
        """All choices, or both bounds."""
        found: tuple[Any, ...] | None = self.choice or self.uniform or self.log or self.integer
        assert found is not None
        return found


class Budget(Section):
    """When no further trial starts: after a number of them, or after some hours in all, whichever comes first."""

    trials: PositiveInt | None = None
    hours: PositiveFloat | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.trials is None and self.hours is None:
            raise ValueError("must have trials or hours")
        return self


class Prune(Section):
    """When a trial is stopped: an epoch's best score so far is below the median of the trials before it.

    Attributes:
        startup: Number of trials that are never stopped.
        warmup: Number of epochs of a training after which it may be stopped.
    """

    startup: NonNegativeInt = 5
    warmup: NonNegativeInt = 1


class Confirm(Section):
    """How the best trials are trained again, so that the chosen one is not the luckiest.

    Attributes:
        trials: How many of the best trials.
        seeds: Seeds of their trainings, other than that of the search.
        folds: Held-out folds that no trial was chosen by; the final score is that of their people.
    """

    trials: PositiveInt = 3
    seeds: Seeds
    folds: Folds


class SpaceFile(Section):
    """A search.

    Attributes:
        base: A recipe or params file.
        data: The data set; data.root of the base by default.
        seed: Seed of the search and of its trainings.
        folds: Held-out folds whose score the search maximises.
        budget: When the search ends.
        prune: When a trial is stopped early; never if null.
        confirm: How the best trials are trained again.
        output: The recipe to write; tune/<name>.yaml by default.
        space: Distributions by dotted key; `*` is every model.
    """

    base: str
    data: Path | None = None
    seed: Seed = 777
    folds: Folds
    budget: Budget
    prune: Prune | None = Prune()
    confirm: Confirm
    output: Path | None = None
    space: Annotated[dict[str, Distribution], Field(min_length=1)]

    @model_validator(mode="after")
    def _the_final_score_is_of_other_people(self) -> Self:
        if shared := sorted({*self.folds} & {*self.confirm.folds}):
            raise ValueError(f"confirm.folds: fold {shared[0]} is also one of folds, and would choose what it scores")
        if self.seed in self.confirm.seeds:
            raise ValueError(f"confirm.seeds: {self.seed} is the seed of the search; take others")
        return self


@dataclass(frozen=True)
class Space:
    """A search whose extremes are all valid."""

    path: Path
    file: SpaceFile
    base: dict[str, Any]

    @property
    def data(self) -> Path:
        """Root of the data set."""
        return self.file.data or params.check(self.base, self.file.base).data.root

    def settings(self, values: Mapping[str, Any], folds: tuple[int, ...], seed: int) -> dict[str, Any]:
        """The parameters of a training, in the layout of a params file; raises `InputError` when they do not fit.

        Args:
            values: Chosen values by dotted key; the base without any.
            folds: The held-out folds.
            seed: The seed of every model.
        """
        given = changed(self.base, {**values, "train.folds": list(folds), "models.*.seed": seed})
        shown = ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
        return params.check(given, f"{self.path}: {shown or self.file.base}").model_dump(mode="json")


def read(path: Path) -> Space:
    """Read and check a search; raises `InputError` that names every key and value that does not fit."""
    given = parse_yaml(read_text(path, "write the space into it"), str(path))
    file = validated(SpaceFile, given, f"{path}: wrong search")
    base = recipes.find(file.base)
    space = Space(path, file, parse_yaml(read_text(base, recipes.REMEDY), str(base)))
    space.settings({}, file.folds, file.seed)
    space.settings({}, file.confirm.folds, file.seed)
    faults = []
    for key, distribution in file.space.items():
        for value in distribution.extremes:
            try:
                space.settings({key: value}, file.folds, file.seed)
            except InputError as error:
                faults.append(f"space.{key}: {json.dumps(value)}: {_faults(error)}")
    raise_faults(f"{path}: values that the parameters do not allow", faults)
    return space


def _faults(error: InputError) -> str:
    """The faults in an error of parameters, without its heading."""
    heading, _, faults = str(error).partition("\n")
    return "; ".join(line.strip() for line in faults.splitlines()) or heading
