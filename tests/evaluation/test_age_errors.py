"""age_errors: where the age band is wrong, and in which direction."""

import numpy as np
import pandas as pd

from pipeline.evaluation import age_errors
from pipeline.schema.probabilities import YEARS, year_codes


def test_wrong_bands_are_counted_by_true_age_and_direction() -> None:
    shares = age_errors.by_age(np.array([29, 29, 30, 60]), np.array([0, 1, 0, 2]))
    assert list(shares.index) == [29, 30, 60]
    assert list(shares["photos"]) == [2, 1, 1]
    assert list(shares["too old"]) == [0.5, 0, 0]
    assert list(shares["too young"]) == [0, 1, 0]


def test_models_of_years_have_a_second_plot() -> None:
    ages, bands = np.array([20, 40, 60]), np.array([0, 1, 2])
    assert len(age_errors.plot(ages, bands, {}).axes) == 1
    above, below = age_errors.plot(ages, bands, {"years": ages + 3.0}).axes
    assert "wrong age band" in above.get_title(loc="left")
    assert np.asarray(below.lines[0].get_ydata()).tolist() == [3, 3, 3]


def test_a_distribution_is_measured_by_its_expectation() -> None:
    photos = pd.DataFrame({"age": [20, 40]})
    distribution = np.eye(len(YEARS))[year_codes(np.array([22, 40]))]
    members = {
        "spread": [{"age": distribution}],
        "years": [{"age": np.array([20.0, 44])}],
        "bands": [{"age": np.eye(3)[:2]}],
    }
    assert age_errors.scores(members, photos) == {"spread_age_mae": 1, "years_age_mae": 2}
