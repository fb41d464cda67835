"""From the predictions of all models to one answer: what is fitted for it after training, and its nested score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import nesting, selection, voting
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.nesting import Mask
from pipeline.schema import metrics
from pipeline.schema.probabilities import Heads, Numbers, Table, band_table, fit_spread, multiply
from pipeline.schema.schema import SCHEMA, Codes

MemberProbabilities = Mapping[str, Sequence[Heads]]
"""By the name that a system has for it (`mask`, `mask/refit`): what each of its members says of the same photos."""

Votes = dict[str, dict[str, Table]]
"""By the attributes that are voted on, written as a head: the table (n, classes) of every system that votes."""

EVERYTHING = " x ".join(SCHEMA.names)


@dataclass(frozen=True)
class Blend:
    """What is fitted on labelled photos: the spread in years of `<name>=<head>`, and the weights of systems."""

    spreads: Mapping[str, float]
    weights: Mapping[str, voting.Weights]


def fit(held_out: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> Blend:
    """Fit a blend on the out-of-fold predictions, one for each name, of labelled photos."""
    spreads = _spreads(held_out, photos["age"].to_numpy())
    weights = {
        product: selection.choose(list(systems.values()), SCHEMA.head(product).codes(photos), params)
        for product, systems in votes(held_out, spreads, params).items()
    }
    return Blend(spreads, weights)


def answer(member_probabilities: MemberProbabilities, blend: Blend, params: Ensemble) -> Table:
    """Probabilities (n, 18): the heads of a system multiplied, systems voting; over attributes, multiplied again."""
    return multiply(
        {
            product: voting.combine(list(systems.values()), params.vote, blend.weights[product])
            for product, systems in votes(member_probabilities, blend.spreads, params).items()
        }
    )


def nested(held_out: MemberProbabilities, photos: pd.DataFrame, params: Ensemble) -> Table:
    """Out-of-fold answers (n, 18), each group of photos with the blend that is fitted on the others."""

    def others(own: Mask, rest: Mask) -> Table:
        return answer(_rows(held_out, own), fit(_rows(held_out, rest), photos[rest], params), params)

    return nesting.nested(groups(photos), others)


def systems(
    member_probabilities: MemberProbabilities, blend: Blend, photos: pd.DataFrame, params: Ensemble
) -> pd.DataFrame:
    """A row a system of every product: what it predicts, its own scores on labelled photos, and its weight."""
    rows = []
    for product, tables in votes(member_probabilities, blend.spreads, params).items():
        true = SCHEMA.head(product).codes(photos)
        for (name, table), weight in zip(tables.items(), blend.weights[product], strict=True):
            counts = metrics.confusion(true, table.argmax(axis=1), table.shape[1])
            rows.append((product, name, metrics.macro_f1(counts), metrics.accuracy(counts), weight))
    return pd.DataFrame(rows, columns=["predicts", "system", "macro_f1", "accuracy", "weight"])


def votes(member_probabilities: MemberProbabilities, spreads: Mapping[str, float], params: Ensemble) -> Votes:
    """The tables to vote with: of whole systems, or for each attribute those of all models that predict it."""
    heads = {name: _vote(name, members, spreads, params.vote) for name, members in member_probabilities.items()}
    if params.systems == "per_attribute":
        return {attribute: _by_attribute(heads, attribute) for attribute in SCHEMA.names}
    return {EVERYTHING: {" + ".join(system): _product(heads, system) for system in params.systems}}


def _vote(name: str, members: Sequence[Heads], spreads: Mapping[str, float], vote: voting.Vote) -> dict[str, Table]:
    """The tables of a name's heads: a vote of its members, years turned to bands member by member."""
    return {
        head: voting.combine([_table(f"{name}={head}", heads[head], spreads) for heads in members], vote)
        for head in members[0]
    }


def _table(key: str, numbers: Numbers, spreads: Mapping[str, float]) -> Table:
    return band_table(numbers, spreads[key]) if numbers.ndim == 1 else np.asarray(numbers, np.float64)


def _product(heads: Mapping[str, Heads], system: Sequence[str]) -> Table:
    return multiply({head: table for name in system for head, table in heads[name].items()})


def _by_attribute(heads: Mapping[str, Heads], attribute: str) -> dict[str, Table]:
    return {
        name: SCHEMA.head(head).marginal(table, attribute)
        for name, tables in heads.items()
        for head, table in tables.items()
        if attribute in SCHEMA.head(head).names
    }


def _spreads(held_out: MemberProbabilities, ages: Codes) -> dict[str, float]:
    return {
        f"{name}={head}": fit_spread(numbers, ages)
        for name, (heads,) in held_out.items()
        for head, numbers in heads.items()
        if numbers.ndim == 1
    }


def _rows(member_probabilities: MemberProbabilities, which: Mask) -> MemberProbabilities:
    return {
        name: [{head: numbers[which] for head, numbers in heads.items()} for heads in members]
        for name, members in member_probabilities.items()
    }
