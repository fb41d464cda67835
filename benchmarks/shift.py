"""Simulated label shifts of an out-of-fold table: error of the estimate, macro F1 with and without correction.

    python -m benchmarks.shift data/labels.parquet data/folds.parquet results/ensemble/out_of_fold.parquet

Half of the people stand for train; the other half, resampled with replacement to other class priors, stands for eval.
Figures are means of ten repetitions. `<attribute>_<way>` is the share of eval that an estimate gets wrong
(`unshifted`: train's priors assumed for eval); `<attribute>_adapted` is how often the estimate was trusted.
`f1_chosen` is macro F1 of the pipeline's choice, `f1_adapted` that with all trusted corrections.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.ensembling import calibration, class_bias, label_shift
from pipeline.ensembling.shift_estimators import Priors, ShiftSample
from pipeline.formats import tables
from pipeline.label_quality import suggestions
from pipeline.schema.metrics import confusion, macro_f1
from pipeline.schema.probabilities import Table, multiply
from pipeline.schema.schema import SCHEMA, Codes

MIXES = {
    "none": None,
    "competition": np.outer([0.62, 0.38], [0.38, 0.35, 0.27]).ravel(),
    "old": np.outer([0.39, 0.61], [0.3, 0.3, 0.4]).ravel(),
    "male": np.outer([0.75, 0.25], [0.49, 0.42, 0.09]).ravel(),
}
REPEATS = 10


def main(labels: Path, folds: Path, out_of_fold: Path) -> None:
    photos, probabilities = suggestions.read(labels, out_of_fold)
    fold = tables.read(folds, tables.FOLDS).set_index("path")["fold"].loc[photos["path"]].to_numpy()
    rows = [
        {"mix": name} | simulate(photos, calibrated(photos, probabilities, fold), mix, seed)
        for name, mix in MIXES.items()
        for seed in range(REPEATS)
    ]
    print(pd.DataFrame(rows).groupby("mix", sort=False).mean().round(4).to_string())


def calibrated(photos: pd.DataFrame, probabilities: Table, fold: Codes) -> Table:
    """The product of the calibrated tables of mask, gender and age."""
    return multiply(
        {
            attribute: calibration.nested(table, SCHEMA.head(attribute).codes(photos), fold)
            for attribute, table in marginals(probabilities).items()
        }
    )


def simulate(photos: pd.DataFrame, probabilities: Table, mix: Priors | None, seed: int) -> dict[str, float]:
    draw = np.random.default_rng(seed)
    person, people = pd.factorize(photos["person"])
    cells = SCHEMA.people.codes(photos.drop_duplicates("person"))
    order = draw.permutation(len(people))
    out_of_fold, rest = order[::2], order[1::2]
    weights = np.ones(len(rest)) if mix is None else mix[cells[rest]] / np.bincount(cells[rest])[cells[rest]]
    sampled = draw.choice(rest, len(rest), p=weights / weights.sum())
    rows = np.concatenate([np.flatnonzero(person == number) for number in sampled])
    train = np.isin(person, out_of_fold)
    estimates: dict[str, label_shift.Estimate] = {}
    scores: dict[str, float] = {}
    for attribute, table in marginals(probabilities).items():
        codes = SCHEMA.head(attribute).codes(photos)
        found = label_shift.estimate(ShiftSample(table[train], codes[train], person[train], table[None, rows]))
        true = np.bincount(codes[rows], minlength=len(found.train)) / len(rows)
        estimates[attribute] = found
        scores |= {f"{attribute}_{name}": np.abs(shares - true).sum() / 2 for name, shares in shares_of(found).items()}
        scores[f"{attribute}_adapted"] = not found.refusals
    codes = SCHEMA.codes(photos)
    everything = {attribute: found.weights for attribute, found in estimates.items()}
    chosen = label_shift.worthwhile(probabilities[train], codes[train], estimates)
    moves = class_bias.fit(probabilities[train], codes[train])
    answers = {
        "plain": probabilities[rows],
        "adapted": label_shift.correct(probabilities[rows], everything),
        "chosen": label_shift.correct(probabilities[rows], chosen),
        "offsets": class_bias.apply(probabilities[rows], moves),
    }
    return scores | {f"f1_{name}": score(codes[rows], answer) for name, answer in answers.items()}


def shares_of(found: label_shift.Estimate) -> dict[str, Priors]:
    """Estimates of the priors of eval by each method; `unshifted` assumes those of train."""
    return {"unshifted": found.train, "bbse": found.bbse, "em": found.em}


def marginals(probabilities: Table) -> dict[str, Table]:
    return {attribute: SCHEMA.marginal(probabilities, attribute) for attribute in SCHEMA.names}


def score(codes: Codes, probabilities: Table) -> float:
    return macro_f1(confusion(codes, probabilities.argmax(axis=1)))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
