"""Errors of age: the mean absolute error in years, and the true ages at which the band is wrong."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.ensembling.blend import MemberProbabilities
from pipeline.evaluation import plots
from pipeline.evaluation.plots import INK
from pipeline.schema.probabilities import Numbers, Table, expected_years, is_distribution
from pipeline.schema.schema import AGE, SCHEMA, Codes, band


def scores(out_of_fold: MemberProbabilities, photos: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years of every model with a head of years, on labelled photos (n)."""
    ages = photos["age"].to_numpy()
    return {f"{name}_age_mae": float(np.abs(years - ages).mean()) for name, years in _years(out_of_fold).items()}


def write(path: Path, photos: pd.DataFrame, probabilities: Table, out_of_fold: MemberProbabilities) -> None:
    """Write the plot of labelled photos (n), from class probabilities (n, classes) and the members' predictions."""
    predicted = SCHEMA.decode(probabilities.argmax(axis=1))[AGE.name]
    plots.save(plot(photos["age"].to_numpy(), predicted, _years(out_of_fold)), path)


def by_age(ages: npt.NDArray[np.int64], predicted: Codes) -> pd.DataFrame:
    """For every true age (index): its photos, and the shares whose predicted band is too young and too old."""
    difference = predicted - band(ages)
    rows = pd.DataFrame({"age": ages, "too young": difference < 0, "too old": difference > 0})
    shares = rows.groupby("age").mean()
    shares.insert(0, "photos", rows.groupby("age").size())
    return shares


def plot(ages: npt.NDArray[np.int64], predicted: Codes, years: Mapping[str, Numbers]) -> Figure:
    """Share of wrong bands (n,) by true age, and the mean error of every model that predicts years (n,)."""
    rows = 2 if years else 1
    figure = Figure(figsize=(11, 3.6 * rows), layout="constrained")
    top, *rest = figure.subplots(rows, 1, squeeze=False)[:, 0]
    shares = by_age(ages, predicted)
    top.bar(shares.index, 1, color="#eef1f4")  # shows which ages occur
    top.bar(shares.index, shares["too young"], color="C0", label="predicted too young")
    top.bar(shares.index, shares["too old"], bottom=shares["too young"], color="C1", label="predicted too old")
    top.set_ylim(0, 1)
    _finish(top, "share of photos with a wrong age band, out of fold", ages)
    for axes in rest:
        for number, (name, predicted_years) in enumerate(years.items()):
            errors = pd.Series(np.abs(predicted_years - ages)).groupby(ages).mean()
            axes.plot(errors.index, errors, "o-", color=f"C{number + 2}", markersize=3, linewidth=1.2, label=name)
        axes.set_ylim(bottom=0)
        _finish(axes, "mean absolute error in years", ages)
    return figure


def _years(out_of_fold: MemberProbabilities) -> dict[str, Numbers]:
    """Predicted years (n,) of every model that has a head of years or of a distribution over them, by its name."""
    return {
        name: expected_years(numbers)
        for name, (heads,) in out_of_fold.items()
        for numbers in heads.values()
        if numbers.ndim == 1 or is_distribution(numbers)
    }


def _finish(axes: Axes, title: str, ages: npt.NDArray[np.int64]) -> None:
    axes.set_xlim(ages.min() - 1, ages.max() + 1)
    for edge in AGE.bands:
        axes.axvline(edge - 0.5, color=INK, linewidth=0.8, linestyle=":")
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("true age; dotted: boundaries of the bands", fontsize=9, color=INK)
    axes.tick_params(labelsize=9, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
