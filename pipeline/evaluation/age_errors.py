"""Errors of age: by how many years models miss it, and at which true ages the bands are missed."""

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
from pipeline.schema.probabilities import Numbers, Table
from pipeline.schema.schema import AGE, SCHEMA, Codes, band


def scores(member_probabilities: MemberProbabilities, photos: pd.DataFrame) -> dict[str, float]:
    """Mean absolute error in years of every model that predicts years of labelled photos (n)."""
    ages = photos["age"].to_numpy()
    return {
        f"{name}_age_mae": float(np.abs(years - ages).mean()) for name, years in _years(member_probabilities).items()
    }


def write(path: Path, photos: pd.DataFrame, probabilities: Table, member_probabilities: MemberProbabilities) -> None:
    """Write the picture of labelled photos (n), their probabilities (n, 18) and what models say of them."""
    predicted = SCHEMA.decode(probabilities.argmax(axis=1))["age"]
    plots.save(picture(photos["age"].to_numpy(), predicted, _years(member_probabilities)), path)


def by_age(ages: npt.NDArray[np.int64], predicted: Codes) -> pd.DataFrame:
    """Of every true age (index): its photos, and the shares whose predicted band is too young and too old."""
    missed = predicted - band(ages)
    rows = pd.DataFrame({"age": ages, "too young": missed < 0, "too old": missed > 0})
    shares = rows.groupby("age").mean()
    shares.insert(0, "photos", rows.groupby("age").size())
    return shares


def picture(ages: npt.NDArray[np.int64], predicted: Codes, years: Mapping[str, Numbers]) -> Figure:
    """Wrong bands by true age (n,), and, of every model that predicts years (n,), the mean error in years."""
    rows = 2 if years else 1
    figure = Figure(figsize=(11, 3.6 * rows), layout="constrained")
    top, *rest = figure.subplots(rows, 1, squeeze=False)[:, 0]
    shares = by_age(ages, predicted)
    top.bar(shares.index, 1, color="#eef1f4")  # where there are people of an age at all
    top.bar(shares.index, shares["too young"], color="C0", label="said too young")
    top.bar(shares.index, shares["too old"], bottom=shares["too young"], color="C1", label="said too old")
    top.set_ylim(0, 1)
    _finish(top, "share of photos with a wrong age band, out of fold", ages)
    for axes in rest:
        for number, (name, said) in enumerate(years.items()):
            errors = pd.Series(np.abs(said - ages)).groupby(ages).mean()
            axes.plot(errors.index, errors, "o-", color=f"C{number + 2}", markersize=3, linewidth=1.2, label=name)
        axes.set_ylim(bottom=0)
        _finish(axes, "mean absolute error in years", ages)
    return figure


def _years(member_probabilities: MemberProbabilities) -> dict[str, Numbers]:
    """What every model that predicts years says (n,), by its name."""
    return {name: said for name, (heads,) in member_probabilities.items() for said in heads.values() if said.ndim == 1}


def _finish(axes: Axes, title: str, ages: npt.NDArray[np.int64]) -> None:
    axes.set_xlim(ages.min() - 1, ages.max() + 1)
    for edge in AGE.bands:
        axes.axvline(edge - 0.5, color=INK, linewidth=0.8, linestyle=":")
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("true age; dotted: the edges of the bands", fontsize=9, color=INK)
    axes.tick_params(labelsize=9, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, frameon=False)
