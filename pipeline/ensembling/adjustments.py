"""Adjustments of class probabilities after the vote: the label-shift correction and the per-class bias."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import class_bias, label_shift
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.label_shift import Estimate
from pipeline.ensembling.shift_estimators import Priors, ShiftSample
from pipeline.schema.metrics import table_macro_f1
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA, Codes


@dataclass(frozen=True)
class Adjusted:
    """Class probabilities after the adjustments that the parameters choose, and what each adjustment does.

    Attributes:
        out_of_fold: Out-of-fold probabilities (n, classes).
        eval: Eval's probabilities (m, classes).
        label_shift: A row for each value: its share in train and, estimated, in eval.
        effects: A row for each adjustment, taken or not: the number of eval photos whose predicted class or attribute
            changes, and macro F1 before and after.
        prior_correction: Weights (classes,) that multiply eval's probabilities when `label_shift` is on.
        class_bias: Bias (classes,) that is added to log probabilities when `class_bias` is on.
        class_bias_without: The bias of each group of photos, by the group, fitted on the others.
    """

    out_of_fold: Table
    eval: Table
    label_shift: pd.DataFrame
    effects: pd.DataFrame
    prior_correction: Priors
    class_bias: Priors
    class_bias_without: Mapping[int, Priors]


def adjust(
    out_of_fold: Table,
    eval_probabilities: Table,
    eval_by_model: npt.NDArray[np.float64],
    photos: pd.DataFrame,
    params: Ensemble,
) -> Adjusted:
    """Fit both adjustments on labelled photos, and make those that the parameters choose.

    A class bias that follows a label-shift correction is fitted on corrected probabilities, whose photos are weighted
    as eval's estimated priors.

    Args:
        out_of_fold: Out-of-fold probabilities (n, classes) of the photos.
        eval_probabilities: Eval's probabilities (m, classes).
        eval_by_model: Eval's probabilities (models, m, classes) by each model that made a part of `out_of_fold`.
        photos: Labelled photos (n).
        params: Which adjustments to make.
    """
    targets = SCHEMA.codes(photos)
    found = _worthwhile(estimates(out_of_fold, eval_by_model, photos), out_of_fold, targets)
    weights = {name: found[name].weights for name in SCHEMA.names}
    eval_weights = label_shift.class_weights({name: found[name].ratio for name in SCHEMA.names})[targets]
    equal_weights = np.ones(len(targets))
    corrected_out_of_fold = label_shift.correct(out_of_fold, weights)
    corrected = label_shift.correct(eval_probabilities, weights)
    if params.label_shift:
        start, bias = corrected, class_bias.fit(corrected_out_of_fold, targets, eval_weights)
    else:
        start, bias = eval_probabilities, class_bias.fit(out_of_fold, targets)
    biased = class_bias.apply(start, bias)
    without = class_bias.fit_without(out_of_fold, targets, groups(photos))
    biased_out_of_fold = class_bias.nested(out_of_fold, without, groups(photos))
    effects = [
        {"choice": "label_shift", "taken": str(params.label_shift).lower()}
        | _changes(eval_probabilities, corrected)
        | _scores(out_of_fold, corrected_out_of_fold, targets, eval_weights),
        {"choice": "class_bias", "taken": str(params.class_bias).lower()}
        | _changes(start, biased)
        | _scores(out_of_fold, biased_out_of_fold, targets, equal_weights),
    ]
    return Adjusted(
        biased_out_of_fold if params.class_bias else out_of_fold,
        biased if params.class_bias else start,
        label_shift.table(found),
        pd.DataFrame(effects),
        label_shift.class_weights(weights),
        bias,
        without,
    )


def estimates(out_of_fold: Table, eval_by_model: npt.NDArray[np.float64], photos: pd.DataFrame) -> dict[str, Estimate]:
    """Eval's priors of every attribute and, as `class`, of the classes.

    Args:
        out_of_fold: Calibrated out-of-fold probabilities (n, classes).
        eval_by_model: Eval's probabilities (models, m, classes) by each model that made a part of `out_of_fold`.
        photos: Labelled photos (n).
    """
    targets = {name: SCHEMA.head(name).codes(photos) for name in SCHEMA.names} | {"class": SCHEMA.codes(photos)}
    people = photos["person"].to_numpy(str)
    by_model = [_marginals(table) for table in eval_by_model]
    return {
        name: label_shift.estimate(
            ShiftSample(table, targets[name], people, np.stack([tables[name] for tables in by_model]))
        )
        for name, table in _marginals(out_of_fold).items()
    }


def _worthwhile(found: Mapping[str, Estimate], out_of_fold: Table, targets: Codes) -> dict[str, Estimate]:
    """The estimates, also refused where a correction would not raise macro F1."""
    chosen = label_shift.worthwhile(out_of_fold, targets, found)
    refused = {
        name: replace(found[name], refusals=("macro F1 would not rise",))
        for name in SCHEMA.names
        if not found[name].refusals and name not in chosen
    }
    return {**found, **refused}


def _changes(before: Table, after: Table) -> dict[str, int]:
    """Number of photos whose predicted class, and whose predicted value of each attribute, changes."""
    old, new = before.argmax(axis=1), after.argmax(axis=1)
    pairs = zip(SCHEMA.names, SCHEMA.decode(old).values(), SCHEMA.decode(new).values(), strict=True)
    return {"photos": int((old != new).sum())} | {name: int((one != other).sum()) for name, one, other in pairs}


def _scores(before: Table, after: Table, targets: Codes, weights: Priors) -> dict[str, float]:
    return {
        "macro_f1_before": table_macro_f1(before, targets, weights),
        "macro_f1_after": table_macro_f1(after, targets, weights),
    }


def _marginals(probabilities: Table) -> dict[str, Table]:
    return {name: SCHEMA.marginal(probabilities, name) for name in SCHEMA.names} | {"class": probabilities}
