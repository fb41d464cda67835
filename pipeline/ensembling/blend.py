"""From the predictions of all members to one table of class probabilities, and the nested score of what is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import age_thresholds, nesting, stacking, voting
from pipeline.ensembling.age_thresholds import Thresholds
from pipeline.ensembling.config import Ensemble, Vote
from pipeline.ensembling.nesting import Mask
from pipeline.ensembling.stacking import Stacker
from pipeline.schema import metrics
from pipeline.schema.probabilities import (
    Heads,
    Numbers,
    Table,
    band_table,
    fit_spread,
    in_bands,
    is_distribution,
    multiply,
)
from pipeline.schema.schema import SCHEMA, Codes

MemberProbabilities = Mapping[str, Sequence[Heads]]
"""The predictions of each member of a model for the same photos, by the model's name in a system (`mask/refit`)."""

Votes = dict[str, dict[str, Table]]
"""By the head that is voted on (`mask x gender x age`, or one attribute), the table (n, classes) of every system."""


@dataclass(frozen=True)
class Blend:
    """What is fitted on labelled photos.

    Attributes:
        years_stds: Standard deviation in years of the residuals of `<name>=<head>`, for heads of years.
        age_thresholds: Years at which the next age band begins, for heads of years and of distributions over them.
        weights: Weights (systems,) of the systems, by the head that they vote on.
        stackers: The model that combines the systems with a weight, by the head; none where these vote.
    """

    years_stds: Mapping[str, float]
    age_thresholds: Mapping[str, Thresholds]
    weights: Mapping[str, voting.Weights]
    stackers: Mapping[str, Stacker] = field(default_factory=dict)


def fit(out_of_fold: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> Blend:
    """Fit a blend.

    Args:
        out_of_fold: Out-of-fold predictions of the photos, one member for each name.
        photos: Labelled photos (n).
        params: How systems vote.
    """
    ages = photos["age"].to_numpy()
    years = {
        f"{name}={head}": numbers
        for name, (heads,) in out_of_fold.items()
        for head, numbers in heads.items()
        if numbers.ndim == 1 or is_distribution(numbers)
    }
    blend = Blend(
        {key: fit_spread(numbers, ages) for key, numbers in years.items() if numbers.ndim == 1},
        {key: _thresholds(numbers, ages, params) for key, numbers in years.items()},
        {},
    )
    weights, stackers = {}, {}
    for head, tables in votes(out_of_fold, blend, params).items():
        targets = SCHEMA.head(head).codes(photos)
        weights[head] = voting.choose_weights(list(tables.values()), targets, params)
        if params.stacking:
            stackers[head] = stacking.fit(_chosen(tables, weights[head]), targets, params.stacking)
    return replace(blend, weights=weights, stackers=stackers)


def predict(probabilities: MemberProbabilities, blend: Blend, params: Ensemble) -> Table:
    """Class probabilities (n, classes): the product of the heads on which the systems vote."""
    return multiply(
        {
            head: _combine(head, tables, blend, params.vote)
            for head, tables in votes(probabilities, blend, params).items()
        }
    )


def fit_without(out_of_fold: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> dict[int, Blend]:
    """The blend of each group of labelled photos (n), by the group, fitted on the others."""
    return nesting.fit(groups(photos), lambda rest: fit(rows(out_of_fold, rest), photos[rest], params))


def nested(out_of_fold: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> Table:
    """Class probabilities (n, classes) of labelled photos, each group of them by the blend fitted on the others."""
    return predict_without(out_of_fold, fit_without(out_of_fold, photos, params), groups(photos), params)


def predict_without(
    out_of_fold: MemberProbabilities, without: Mapping[int, Blend], groups: Codes, params: Ensemble
) -> Table:
    """Class probabilities (n, classes) of photos, each of the groups (n,) by its own blend of `without`."""
    return nesting.predict(groups, lambda group, own: predict(rows(out_of_fold, own), without[group], params))


def systems(out_of_fold: MemberProbabilities, blend: Blend, photos: pd.DataFrame, params: Ensemble) -> pd.DataFrame:
    """A row for each system: the head that it predicts, its own out-of-fold scores, and its weight."""
    rows = []
    for head, tables in votes(out_of_fold, blend, params).items():
        targets = SCHEMA.head(head).codes(photos)
        for (name, table), weight in zip(tables.items(), blend.weights[head], strict=True):
            counts = metrics.confusion(targets, table.argmax(axis=1), table.shape[1])
            rows.append((head, name, metrics.macro_f1(counts), metrics.accuracy(counts), weight))
    return pd.DataFrame(rows, columns=["predicts", "system", "macro_f1", "accuracy", "weight"])


def votes(probabilities: MemberProbabilities, blend: Blend, params: Ensemble) -> Votes:
    """The tables that vote: those of whole systems, or, per attribute, those of every model that predicts it."""
    models = {name: _vote(name, members, blend, params.vote) for name, members in probabilities.items()}
    if params.systems == "per_attribute":
        return {attribute: _by_attribute(models, attribute) for attribute in SCHEMA.names}
    return {SCHEMA.name: {" + ".join(system): _product(models, system) for system in params.systems}}


def rows(probabilities: MemberProbabilities, mask: Mask) -> MemberProbabilities:
    """The predictions of the photos of a mask (n,)."""
    return {
        name: [{head: numbers[mask] for head, numbers in heads.items()} for heads in members]
        for name, members in probabilities.items()
    }


def _combine(head: str, tables: Mapping[str, Table], blend: Blend, vote: Vote) -> Table:
    if head in blend.stackers:
        return blend.stackers[head].predict(_chosen(tables, blend.weights[head]))
    return voting.combine(list(tables.values()), vote, blend.weights[head])


def _chosen(tables: Mapping[str, Table], weights: voting.Weights) -> list[Table]:
    """The tables of the systems with a weight."""
    return [table for table, weight in zip(tables.values(), weights, strict=True) if weight]


def _vote(name: str, members: Sequence[Heads], blend: Blend, vote: Vote) -> dict[str, Table]:
    """The table of each head of a model, voted by its members; years become bands member by member."""
    return {
        head: voting.combine([_table(f"{name}={head}", heads[head], blend) for heads in members], vote)
        for head in members[0]
    }


def _table(key: str, numbers: Numbers, blend: Blend) -> Table:
    if numbers.ndim == 1:
        return band_table(numbers, blend.years_stds[key], blend.age_thresholds[key])
    if is_distribution(numbers):
        return in_bands(numbers, blend.age_thresholds[key])
    return np.asarray(numbers, np.float64)


def _thresholds(predicted: Numbers, ages: Codes, params: Ensemble) -> Thresholds:
    match params.age_thresholds:
        case "scored":
            return age_thresholds.SCORED
        case "fitted":
            return age_thresholds.fit(predicted, ages)
        case given:
            return given


def _product(models: Mapping[str, Heads], system: Sequence[str]) -> Table:
    return multiply({head: table for name in system for head, table in models[name].items()})


def _by_attribute(models: Mapping[str, Heads], attribute: str) -> dict[str, Table]:
    return {
        name: SCHEMA.head(head).marginal(table, attribute)
        for name, heads in models.items()
        for head, table in heads.items()
        if attribute in SCHEMA.head(head).names
    }
