"""What may be done to probabilities after training: calibrated, adapted to eval's mix, moved by offsets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import calibration, class_bias, label_shift
from pipeline.ensembling.blend import MemberProbabilities
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.label_shift import Estimate
from pipeline.ensembling.shift_estimators import Predicted, Priors
from pipeline.ensembling.voting import macro_f1
from pipeline.schema.probabilities import Numbers, Table
from pipeline.schema.schema import SCHEMA, Codes

COLUMNS = ["model", "head", "temperature", "calibration_error_before", "calibration_error_after"]


@dataclass(frozen=True)
class Adjusted:
    """Out-of-fold (n, 18) and eval (m, 18) probabilities after what params choose, and tables of what each choice does.

    `shares` has a row a value: its share in train and, estimated, in eval. `changes` has a row a choice, taken or
    not: how many eval photos it answers otherwise, in all and by attribute, and macro F1 before and after.
    `adaptation` (18,) and `offsets` (18,) are what eval's probabilities are multiplied by and moved by, if chosen.
    """

    out_of_fold: Table
    eval_: Table
    shares: pd.DataFrame
    changes: pd.DataFrame
    adaptation: Priors
    class_bias: Priors


def calibrate(
    out_of_fold: MemberProbabilities, eval_: MemberProbabilities, photos: pd.DataFrame
) -> tuple[MemberProbabilities, MemberProbabilities, pd.DataFrame]:
    """Out-of-fold and eval predictions at the temperatures of their heads, and a row of scores a head.

    A group of `out_of_fold` is at the temperature of the other groups, so that what is scored on it stays unbiased.
    Years stay as they are: their spread is fitted elsewhere.
    """
    apart = groups(photos)
    codes = {head: SCHEMA.head(head).codes(photos) for (heads,) in out_of_fold.values() for head in heads}
    cool_out_of_fold = _each(out_of_fold, lambda _, head, table: calibration.nested(table, codes[head], apart))
    scores = {
        (name, head): calibration.scores(table, cool_out_of_fold[name][0][head], codes[head])
        for name, (heads,) in out_of_fold.items()
        for head, table in heads.items()
        if table.ndim == 2
    }
    cool_unseen = cooled(eval_, {f"{name}={head}": row["temperature"] for (name, head), row in scores.items()})
    rows = [{"model": name, "head": head} | row for (name, head), row in scores.items()]
    return cool_out_of_fold, cool_unseen, pd.DataFrame(rows, columns=COLUMNS)


def cooled(member_probabilities: MemberProbabilities, temperatures: Mapping[str, float]) -> MemberProbabilities:
    """Tables of classes at the temperatures of their `<name>=<head>`; without one, as they are."""
    return _each(
        member_probabilities,
        lambda name, head, table: (
            calibration.scale(table, temperatures[f"{name}={head}"])
            if f"{name}={head}" in temperatures
            else np.asarray(table, np.float64)
        ),
    )


def adjust(
    out_of_fold: Table, eval_: Table, voters: npt.NDArray[np.float64], photos: pd.DataFrame, params: Ensemble
) -> Adjusted:
    """Adapt and move probabilities as params choose, after the fit to labelled photos (n).

    `out_of_fold` (n, 18) are out-of-fold, `eval_` (m, 18) the answer for eval, `voters` (voters, m, 18)
    the answers that it was voted from. A per-class bias after a label-shift correction is fitted to corrected photos,
    weighted as in eval's mix.
    """
    codes = SCHEMA.codes(photos)
    found = _judged(estimates(out_of_fold, voters, photos), out_of_fold, codes)
    weights = {name: found[name].weights for name in SCHEMA.names}
    counts = label_shift.of_classes({name: found[name].ratio for name in SCHEMA.names})[codes]
    even = np.ones(len(codes))
    adapted, adapted_out_of_fold = label_shift.adapt(eval_, weights), label_shift.adapt(out_of_fold, weights)
    fitted_on, start, counted = (
        (adapted_out_of_fold, adapted, counts) if params.label_shift else (out_of_fold, eval_, even)
    )
    steps = class_bias.fit(fitted_on, codes, counted)
    moved = class_bias.apply(start, steps)
    moved_out_of_fold = class_bias.nested(out_of_fold, codes, groups(photos))
    changes = [
        _change("label_shift", params.label_shift, (eval_, adapted), (out_of_fold, adapted_out_of_fold), codes, counts),
        _change("class_bias", params.class_bias, (start, moved), (out_of_fold, moved_out_of_fold), codes, even),
    ]
    return Adjusted(
        moved_out_of_fold if params.class_bias else out_of_fold,
        moved if params.class_bias else start,
        label_shift.table(found, {**{one.name: one.values for one in SCHEMA.attributes}, "class": SCHEMA.class_names}),
        pd.DataFrame(changes),
        label_shift.of_classes(weights),
        steps,
    )


def estimates(out_of_fold: Table, eval_: npt.NDArray[np.float64], photos: pd.DataFrame) -> dict[str, Estimate]:
    """The mix in eval of every attribute and, as `class`, of the 18 classes.

    From calibrated out-of-fold probabilities (n, 18) of photos (n), and those of eval by voters (voters, m, 18),
    each of which made a part of the former.
    """
    voters = [_parts(table) for table in eval_]
    codes = {name: SCHEMA.head(name).codes(photos) for name in SCHEMA.names}
    codes["class"] = SCHEMA.codes(photos)
    people = photos["person"].to_numpy(str)
    return {
        name: label_shift.estimate(Predicted(table, codes[name], people, np.stack([parts[name] for parts in voters])))
        for name, table in _parts(out_of_fold).items()
    }


def _judged(found: Mapping[str, Estimate], out_of_fold: Table, codes: Codes) -> dict[str, Estimate]:
    """The estimates, also refused where following them would not raise macro F1."""
    chosen = label_shift.worthwhile(out_of_fold, codes, found)
    dropped = {
        name: replace(found[name], refusals=("macro F1 would not rise",))
        for name in SCHEMA.names
        if not found[name].refusals and name not in chosen
    }
    return {**found, **dropped}


def _change(
    choice: str, taken: bool, eval_: tuple[Table, Table], out_of_fold: tuple[Table, Table], codes: Codes, counts: Priors
) -> dict[str, str | int | float]:
    """What a choice does to the answers for eval, and to macro F1 out of fold where photos count `counts` (n,)."""
    before, after = (table.argmax(axis=1) for table in eval_)
    old, new = SCHEMA.decode(before), SCHEMA.decode(after)
    differ = {name: int((old[name] != new[name]).sum()) for name in SCHEMA.names}
    scores = dict(
        zip(
            ("macro_f1_before", "macro_f1_after"),
            (macro_f1(table, codes, counts) for table in out_of_fold),
            strict=True,
        )
    )
    return {"choice": choice, "taken": str(taken).lower(), "photos": int((before != after).sum()), **differ, **scores}


def _each(
    member_probabilities: MemberProbabilities, change: Callable[[str, str, Numbers], Table]
) -> MemberProbabilities:
    """MemberProbabilities whose tables of classes were changed, given the model's and the head's name."""
    return {
        name: [
            {head: change(name, head, numbers) if numbers.ndim == 2 else numbers for head, numbers in heads.items()}
            for heads in members
        ]
        for name, members in member_probabilities.items()
    }


def _parts(probabilities: Table) -> dict[str, Table]:
    return {name: SCHEMA.marginal(probabilities, name) for name in SCHEMA.names} | {"class": probabilities}
