"""ensemble.json: everything that turns the members' predictions of any photo into class probabilities."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from pipeline.ensembling.blend import Blend, MemberProbabilities
from pipeline.ensembling.combination import Combination
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.stacking import Stacker
from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.schema.probabilities import Table

DIGITS = 9  # significant ones, as in tables: the last bits of a sum do not change the file

Numbers = tuple[float, ...]


class FittedEnsemble(Section):
    """The fitted ensemble; for the eval photos it predicts what the stage `ensemble` wrote.

    Attributes:
        ensemble: The parameters.
        voters: Names of the members that predict, by the model's name in a system.
        temperatures: Temperatures by `<name>=<head>`.
        years_stds: Standard deviation in years of the residuals of `<name>=<head>`, for heads of years.
        age_thresholds: Years at which the next age band begins, for heads of years and of distributions over them.
        weights: Weights of the systems, by the head that they vote on.
        stackers: The second model that combines the systems, by the head; none where these vote.
        prior_correction: Weights (classes,) that multiply the class probabilities, estimated for the eval photos.
        class_bias: Bias (classes,) added to the log probabilities.
    """

    ensemble: Ensemble
    voters: dict[str, tuple[str, ...]]
    temperatures: dict[str, float]
    years_stds: dict[str, float]
    age_thresholds: dict[str, Numbers]
    weights: dict[str, Numbers]
    stackers: dict[str, Stacker] = Field(default_factory=dict)
    prior_correction: Numbers | None
    class_bias: Numbers | None

    @classmethod
    def of(cls, combination: Combination, voters: Mapping[str, tuple[str, ...]]) -> "FittedEnsemble":
        """The file of an ensemble, from the names of its voters and what is fitted."""
        fitted = combination.blend
        return cls(
            ensemble=combination.params,
            voters=dict(voters),
            temperatures={key: _rounded(value) for key, value in combination.temperatures.items()},
            years_stds={key: _rounded(value) for key, value in fitted.years_stds.items()},
            age_thresholds={key: _numbers(values) for key, values in fitted.age_thresholds.items()},
            weights={head: _numbers(weights) for head, weights in fitted.weights.items()},
            stackers=dict(fitted.stackers),
            prior_correction=None if (found := combination.prior_correction) is None else _numbers(found),
            class_bias=None if (found := combination.class_bias) is None else _numbers(found),
        )

    @property
    def combination(self) -> Combination:
        """What is fitted."""
        weights = {head: np.asarray(weights) for head, weights in self.weights.items()}
        return Combination(
            self.ensemble,
            self.temperatures,
            Blend(self.years_stds, self.age_thresholds, weights, self.stackers),
            prior_correction=None if self.prior_correction is None else np.asarray(self.prior_correction),
            class_bias=None if self.class_bias is None else np.asarray(self.class_bias),
        )

    def predict(self, probabilities: MemberProbabilities) -> Table:
        """Class probabilities (n, classes) of photos (n), from the predictions of the voters."""
        return self.combination.predict(probabilities)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


def read(path: Path) -> FittedEnsemble:
    """Read what `FittedEnsemble.write` wrote.

    Raises:
        InputError: When the file is missing, or was not written by this version.
    """
    try:
        return FittedEnsemble.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    except ValidationError as error:
        raise InputError(f"{path}: not an ensemble of this version; run `dvc repro`: {error}") from error


def _numbers(values: Iterable[float]) -> Numbers:
    return tuple(_rounded(value) for value in values)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
