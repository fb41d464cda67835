"""age_thresholds: years that are biased near a boundary are cut elsewhere, and luck moves nothing."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.ensembling import age_thresholds, blend
from pipeline.ensembling.age_thresholds import SCORED
from pipeline.ensembling.config import Ensemble
from pipeline.schema.probabilities import YEARS, Table, band_table
from pipeline.schema.schema import Codes, band

AGES: Codes = np.repeat(np.arange(18, 80), 4)
PHOTOS = pd.DataFrame(
    {
        "mask": "worn",
        "gender": "male",
        "age": AGES,
        "person": [f"{number:03}" for number in range(len(AGES))],
        "fold": np.arange(len(AGES)) % 4,
    }
)


def timid(ages: Codes) -> Table:
    """Predictions biased towards 40, as those of weak models are: 60 is predicted as 55."""
    return np.asarray(40 + 0.75 * (ages - 40.0))


def predicted_bands(params: Ensemble) -> Codes:
    probabilities = {
        "years": [{"age": timid(AGES), "mask": np.ones((len(AGES), 3)) / 3, "gender": np.ones((len(AGES), 2)) / 2}]
    }
    table = blend.nested(probabilities, PHOTOS, params)
    return np.asarray(table.reshape(len(AGES), -1, 3).sum(axis=1).argmax(axis=1))


def params(**settings: object) -> Ensemble:
    return Ensemble.model_validate({"systems": [["years"]]} | settings)


def test_exact_years_keep_the_scored_boundaries() -> None:
    assert age_thresholds.fit(AGES.astype(float), AGES) == SCORED == (29.5, 59.5)


def test_thresholds_follow_years_that_are_biased_towards_the_mean() -> None:
    young, old = age_thresholds.fit(timid(AGES), AGES)
    assert 31.75 < young <= 32.5
    assert 54.25 < old <= 55


def test_a_gain_of_one_photo_moves_nothing() -> None:
    years = AGES.astype(float)
    years[np.flatnonzero(AGES == 60)[0]] = 58
    assert age_thresholds.fit(years, AGES) == SCORED


@pytest.mark.parametrize("chosen", ["fitted", (32.2, 54.6)])
def test_the_ensemble_cuts_years_at_its_thresholds_and_scores_them_nested(chosen: object) -> None:
    wrong = [(predicted_bands(params(age_thresholds=own)) != band(AGES)).mean() for own in ("scored", chosen)]
    assert wrong[0] > 0.1
    assert wrong[1] < 0.03


def test_a_fold_is_cut_by_what_is_fitted_on_the_others() -> None:
    probabilities = {
        "years": [{"age": timid(AGES), "mask": np.ones((len(AGES), 3)) / 3, "gender": np.ones((len(AGES), 2)) / 2}]
    }
    own = (PHOTOS["fold"] == 1).to_numpy()
    relabelled = PHOTOS.assign(age=np.where(own, 20, PHOTOS["age"]))
    one, other = (
        blend.nested(probabilities, photos, params(age_thresholds="fitted"))[own] for photos in (PHOTOS, relabelled)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ([60, 30], "not 2 years that rise"),
        ([58], "not 2 years that rise"),
        ("fited", "must be scored, fitted or a list"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused(given: object, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        params(age_thresholds=given)


def distributions(years: Table) -> Table:
    """Normal distributions about predicted years."""
    return band_table(years, 2, list(YEARS[1:] - 0.5))


def test_the_bounds_of_a_distribution_move_as_those_of_years() -> None:
    young, old = age_thresholds.fit(distributions(timid(AGES)), AGES)
    assert 31 <= young <= 33
    assert 54 <= old <= 56
    assert age_thresholds.fit(distributions(AGES.astype(float)), AGES) == SCORED


@pytest.mark.parametrize(
    ("chosen", "wrong"), [("scored", (0.1, 0.5)), ("fitted", (0, 0.03)), ((32.2, 54.6), (0, 0.03))]
)
def test_the_ensemble_sums_a_distribution_between_its_thresholds(chosen: object, wrong: tuple[float, float]) -> None:
    heads = {"age": distributions(timid(AGES)), "mask x gender": np.ones((len(AGES), 6)) / 6}
    table = blend.nested({"years": [heads]}, PHOTOS, params(age_thresholds=chosen))
    bands = table.reshape(len(AGES), -1, 3).sum(axis=1).argmax(axis=1)
    assert wrong[0] <= (bands != band(AGES)).mean() <= wrong[1]
