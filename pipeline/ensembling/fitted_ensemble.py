"""The ensemble's formula: all that turns what members say of any photo into the 18 probabilities, as a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from pipeline.ensembling import adjustments, blend, class_bias
from pipeline.ensembling.blend import Blend, MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.shift_estimators import Priors, reweighted
from pipeline.formats.section import Section
from pipeline.foundation.errors import InputError
from pipeline.foundation.files import write_text
from pipeline.schema.probabilities import Table

DIGITS = 9  # significant ones, as in tables: the last bits of a sum do not change the file

Numbers = tuple[float, ...]


class FittedEnsemble(Section):
    """What the ensemble fitted; its answer to the predictions of eval is the ensemble's own.

    `voters` are the members, by the name that a system has for them, and `temperatures` those of every `<name>=<head>`
    of classes. `adaptation` (18,) multiplies the probabilities and `offsets` (18,) are added to their logarithms, where
    params chose so: both belong to the photos of eval, and are what it was thought best to answer *them*.
    """

    ensemble: Ensemble
    voters: dict[str, tuple[str, ...]]
    temperatures: dict[str, float]
    spreads: dict[str, float]
    weights: dict[str, Numbers]
    adaptation: Numbers | None
    class_bias: Numbers | None

    @classmethod
    def of(
        cls,
        settings: Ensemble,
        voters: Mapping[str, tuple[str, ...]],
        calibrated: pd.DataFrame,
        fitted: Blend,
        adjusted: adjustments.Adjusted,
    ) -> "FittedEnsemble":
        """The formula of an ensemble: `calibrated` has a row a head, as `adjustments.calibrate` gives it."""
        heads = zip(calibrated["model"], calibrated["head"], calibrated["temperature"], strict=True)
        return cls(
            ensemble=settings,
            voters=dict(voters),
            temperatures={f"{name}={head}": _short(value) for name, head, value in heads if settings.calibrate},
            spreads={key: _short(value) for key, value in fitted.spreads.items()},
            weights={product: _numbers(weights) for product, weights in fitted.weights.items()},
            adaptation=_numbers(adjusted.adaptation) if settings.label_shift else None,
            class_bias=_numbers(adjusted.class_bias) if settings.class_bias else None,
        )

    def answer(self, member_probabilities: MemberProbabilities) -> Table:
        """Probabilities (n, 18) of photos (n), from what the voters say of them."""
        fitted = Blend(self.spreads, {product: np.asarray(weights) for product, weights in self.weights.items()})
        table = blend.answer(adjustments.cooled(member_probabilities, self.temperatures), fitted, self.ensemble)
        if self.adaptation is not None:
            table = reweighted(table, np.asarray(self.adaptation))
        return table if self.class_bias is None else class_bias.apply(table, np.asarray(self.class_bias))

    def write(self, path: Path) -> None:
        """Write it as JSON, the same bytes for the same formula."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


def read(path: Path) -> FittedEnsemble:
    """What `FittedEnsemble.write` wrote; raises `InputError` when there is no such file, or one of something else."""
    try:
        return FittedEnsemble.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
    except ValidationError as error:
        raise InputError(f"{path}: not a formula of this version; run `dvc repro`: {error}") from error


def _numbers(values: Priors) -> Numbers:
    return tuple(_short(value) for value in values)


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
