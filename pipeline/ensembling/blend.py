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
from pipeline.schema.heads import attributes
from pipeline.schema.labels import ATTRIBUTES, Codes, label_codes
from pipeline.schema.probabilities import Heads, Numbers, Table, band_table, fit_spread, marginal, multiply

Voices = Mapping[str, Sequence[Heads]]
"""By the name that a system has for it (`mask`, `mask/refit`): what each of its members says of the same pictures."""

Polls = dict[str, dict[str, Table]]
"""By the attributes that are voted on, written as a head: the table (n, classes) of every system that votes."""

EVERYTHING = " x ".join(ATTRIBUTES)


@dataclass(frozen=True)
class Blend:
    """What is fitted on labelled pictures: the spread in years of `<name>=<head>`, and the systems' weights by poll."""

    spreads: Mapping[str, float]
    weights: Mapping[str, voting.Weights]


def fit(held_out: Voices, pictures: pd.DataFrame, params: Ensemble) -> Blend:
    """Fit a blend on the out-of-fold predictions, one for each name, of labelled pictures."""
    spreads = _spreads(held_out, pictures["age"].to_numpy())
    weights = {
        poll: selection.choose(list(systems.values()), label_codes(pictures, attributes(poll)), params)
        for poll, systems in polls(held_out, spreads, params).items()
    }
    return Blend(spreads, weights)


def answer(voices: Voices, blend: Blend, params: Ensemble) -> Table:
    """Probabilities (n, 18): the heads of a system multiplied, systems voting; over attributes, multiplied again."""
    return multiply(
        {
            poll: voting.combine(list(systems.values()), params.vote, blend.weights[poll])
            for poll, systems in polls(voices, blend.spreads, params).items()
        }
    )


def nested(held_out: Voices, pictures: pd.DataFrame, params: Ensemble) -> Table:
    """Out-of-fold answers (n, 18), each group of pictures with the blend that is fitted on the others."""

    def others(own: Mask, rest: Mask) -> Table:
        return answer(_rows(held_out, own), fit(_rows(held_out, rest), pictures[rest], params), params)

    return nesting.nested(groups(pictures), others)


def systems(voices: Voices, blend: Blend, pictures: pd.DataFrame, params: Ensemble) -> pd.DataFrame:
    """A row a system of every poll: what it predicts, its own scores on labelled pictures, and its weight."""
    rows = []
    for poll, tables in polls(voices, blend.spreads, params).items():
        true = label_codes(pictures, attributes(poll))
        for (name, table), weight in zip(tables.items(), blend.weights[poll], strict=True):
            counts = metrics.confusion(true, table.argmax(axis=1), table.shape[1])
            rows.append((poll, name, metrics.macro_f1(counts), metrics.accuracy(counts), weight))
    return pd.DataFrame(rows, columns=["predicts", "system", "macro_f1", "accuracy", "weight"])


def polls(voices: Voices, spreads: Mapping[str, float], params: Ensemble) -> Polls:
    """The tables to vote with: of whole systems, or for each attribute those of all models that predict it."""
    heads = {name: _vote(name, members, spreads, params.vote) for name, members in voices.items()}
    if params.systems == "per_attribute":
        return {attribute: _by_attribute(heads, attribute) for attribute in ATTRIBUTES}
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
        name: marginal(head, table, attribute)
        for name, tables in heads.items()
        for head, table in tables.items()
        if attribute in attributes(head)
    }


def _spreads(held_out: Voices, ages: Codes) -> dict[str, float]:
    return {
        f"{name}={head}": fit_spread(numbers, ages)
        for name, (heads,) in held_out.items()
        for head, numbers in heads.items()
        if numbers.ndim == 1
    }


def _rows(voices: Voices, which: Mask) -> Voices:
    return {
        name: [{head: numbers[which] for head, numbers in heads.items()} for heads in members]
        for name, members in voices.items()
    }
