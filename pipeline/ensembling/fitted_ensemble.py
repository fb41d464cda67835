"""ensemble.json: everything that turns the members' predictions of any photo into class probabilities."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from pipeline.ensembling import blend, calibration, class_bias
from pipeline.ensembling.adjustments import Adjusted
from pipeline.ensembling.blend import Blend, MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.shift_estimators import reweighted
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
        prior_correction: Weights (classes,) that multiply the class probabilities, estimated for the eval photos.
        class_bias: Bias (classes,) added to the log probabilities.
    """

    ensemble: Ensemble
    voters: dict[str, tuple[str, ...]]
    temperatures: dict[str, float]
    years_stds: dict[str, float]
    age_thresholds: dict[str, Numbers]
    weights: dict[str, Numbers]
    prior_correction: Numbers | None
    class_bias: Numbers | None

    @classmethod
    def of(
        cls,
        params: Ensemble,
        voters: Mapping[str, tuple[str, ...]],
        temperatures: Mapping[str, float],
        fitted: Blend,
        adjusted: Adjusted,
    ) -> "FittedEnsemble":
        """The file of an ensemble, from its parts as they were fitted."""
        return cls(
            ensemble=params,
            voters=dict(voters),
            temperatures={key: _rounded(value) for key, value in temperatures.items()},
            years_stds={key: _rounded(value) for key, value in fitted.years_stds.items()},
            age_thresholds={key: _numbers(values) for key, values in fitted.age_thresholds.items()},
            weights={head: _numbers(weights) for head, weights in fitted.weights.items()},
            prior_correction=_numbers(adjusted.prior_correction) if params.label_shift else None,
            class_bias=_numbers(adjusted.class_bias) if params.class_bias else None,
        )

    def predict(self, probabilities: MemberProbabilities) -> Table:
        """Class probabilities (n, classes) of photos (n), from the predictions of the voters."""
        fitted = Blend(
            self.years_stds,
            self.age_thresholds,
            {head: np.asarray(weights) for head, weights in self.weights.items()},
        )
        table = blend.predict(calibration.apply(probabilities, self.temperatures), fitted, self.ensemble)
        if self.prior_correction is not None:
            table = reweighted(table, np.asarray(self.prior_correction))
        return table if self.class_bias is None else class_bias.apply(table, np.asarray(self.class_bias))

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
