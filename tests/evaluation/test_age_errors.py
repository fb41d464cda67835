"""age_errors: where the age band is wrong, and in which direction."""

import numpy as np

from pipeline.evaluation import age_errors


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
