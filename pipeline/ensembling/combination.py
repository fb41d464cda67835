"""From the predictions of all members for photos to class probabilities: all that is fitted for it, as one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import adjustments, blend, calibration, class_bias, nesting, people
from pipeline.ensembling.adjustments import Adjusted
from pipeline.ensembling.blend import Blend, MemberProbabilities
from pipeline.ensembling.calibration import Calibration
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.people import Pooling
from pipeline.ensembling.shift_estimators import Priors, reweighted
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import Codes


@dataclass(frozen=True)
class Combination:
    """What is fitted on labelled photos.

    Attributes:
        params: How members are combined.
        temperatures: Temperatures by `<name>=<head>`.
        blend: How years become age bands, and how systems vote.
        pooling: How photos of one person are pooled; None where each is by itself.
        prior_correction: Weights (classes,) that multiply the class probabilities; None without a label-shift
            correction.
        class_bias: Bias (classes,) added to the log probabilities; None without one.
    """

    params: Ensemble
    temperatures: Mapping[str, float]
    blend: Blend
    pooling: Pooling | None = None
    prior_correction: Priors | None = None
    class_bias: Priors | None = None

    def predict(self, probabilities: MemberProbabilities, people_of: Codes | None = None) -> Table:
        """Class probabilities (n, classes) of photos.

        Args:
            probabilities: The predictions of the members for the photos.
            people_of: Group (n,) of each photo, by person; without it, and without a pooling, each is by itself.
        """
        table = blend.predict(calibration.apply(probabilities, self.temperatures), self.blend, self.params)
        if self.pooling and people_of is not None:
            table = people.pooled(table, people_of, self.pooling)
        if self.prior_correction is not None:
            table = reweighted(table, self.prior_correction)
        return table if self.class_bias is None else class_bias.apply(table, self.class_bias)


@dataclass(frozen=True)
class EvalPredictions:
    """Predictions of eval photos (m).

    Attributes:
        photos: Their paths (m).
        voters: By the members that predict eval.
        by_fold: By the members of each fold, which made a part of the out-of-fold predictions.
    """

    photos: "pd.Series[str]"
    voters: MemberProbabilities
    by_fold: Sequence[MemberProbabilities]


@dataclass(frozen=True)
class FittedCombinations:
    """Combinations that are fitted on labelled photos (n), and what was found on the way.

    Attributes:
        everyone: What is fitted on all of them, for eval.
        without: What predicts each group of them, by the group, fitted on the others.
        people: The photos grouped by person; None where each is by itself.
        calibration: The temperatures.
        scaled: Out-of-fold predictions of the members, each group at the temperatures of the others.
        out_of_fold: Those from which the blends are fitted: `scaled`, or as the members made them.
        blended: Out-of-fold class probabilities (n, classes), before photos are pooled.
        adjusted: What is done to class probabilities after the vote, and its effects on these photos.
    """

    everyone: Combination
    without: Mapping[int, Combination]
    people: people.Groups | None
    calibration: Calibration
    scaled: MemberProbabilities
    out_of_fold: MemberProbabilities
    blended: Table
    adjusted: Adjusted

    def predict_eval(self, probabilities: MemberProbabilities) -> Table:
        """Class probabilities (m, classes) of eval photos, of all of them where photos are grouped by person."""
        return self.everyone.predict(probabilities, self.people.eval if self.people else None)

    def predict_out_of_fold(self, probabilities: MemberProbabilities, groups: Codes) -> Table:
        """Class probabilities (n, classes) of labelled photos, each of the groups (n,) by what is fitted without it."""
        people_of = self.people.out_of_fold if self.people else np.zeros(len(groups), np.int64)
        return nesting.predict(
            groups,
            lambda group, own: self.without[group].predict(blend.rows(probabilities, own), people_of[own]),
        )


def fit(
    out_of_fold: MemberProbabilities, photos: pd.DataFrame, of_eval: EvalPredictions, crops: Path, params: Ensemble
) -> FittedCombinations:
    """Fit one combination for eval, and for every group of labelled photos one without it.

    Args:
        out_of_fold: Out-of-fold predictions of the photos, one member for each name.
        photos: Labelled photos (n).
        of_eval: Predictions of eval photos, from which eval's class priors are estimated.
        crops: Folder of packed crops, with thumbnails where photos are grouped by person.
        params: How members are combined.

    Raises:
        InputError: When photos are to be grouped by person and there are no thumbnails of them.
    """
    own_groups, calibrated = groups(photos), calibration.calibrate(out_of_fold, photos)
    scaled = calibrated.nested(out_of_fold, own_groups)
    if params.calibrate:
        out_of_fold, temperatures, without = scaled, calibrated.temperatures, calibrated.without
    else:
        temperatures, without = {}, {group: {} for group in calibrated.without}
    blends = blend.fit_without(out_of_fold, photos, params)
    everyone = Combination(params, temperatures, blend.fit(out_of_fold, photos, params))
    each = {group: Combination(params, without[group], blends[group]) for group in blends}
    blended = combined = blend.predict_without(out_of_fold, blends, own_groups, params)
    of_people = people.group(blended, photos, of_eval.photos, crops, params.people) if params.people else None
    if of_people:
        everyone = replace(everyone, pooling=of_people.pooling)
        each = {group: replace(one, pooling=of_people.without[group]) for group, one in each.items()}
        combined = of_people.pooled(blended, own_groups)
    numbers = of_people.eval if of_people else None
    by_fold = np.stack([everyone.predict(one, numbers) for one in of_eval.by_fold])
    adjusted = adjustments.adjust(combined, everyone.predict(of_eval.voters, numbers), by_fold, photos, params)
    if params.label_shift:
        everyone = replace(everyone, prior_correction=adjusted.prior_correction)
    if params.class_bias:
        everyone = replace(everyone, class_bias=adjusted.class_bias)
        each = {group: replace(one, class_bias=adjusted.class_bias_without[group]) for group, one in each.items()}
    return FittedCombinations(everyone, each, of_people, calibrated, scaled, out_of_fold, blended, adjusted)
