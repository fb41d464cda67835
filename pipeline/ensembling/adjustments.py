"""What may be done to probabilities after training: calibrated, adapted to eval's mix, moved by offsets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.folds import groups
from pipeline.ensembling import calibration, class_bias, label_shift
from pipeline.ensembling.blend import EVERYTHING, Voices
from pipeline.ensembling.config import Ensemble
from pipeline.ensembling.label_shift import Estimate
from pipeline.ensembling.shift_estimators import Evidence, Shares
from pipeline.ensembling.voting import macro_f1
from pipeline.schema.heads import attributes
from pipeline.schema.labels import ATTRIBUTES, Codes, decode, label_codes, names
from pipeline.schema.probabilities import Numbers, Table, marginal

COLUMNS = ["model", "head", "temperature", "calibration_error_before", "calibration_error_after"]


@dataclass(frozen=True)
class Adjusted:
    """Out-of-fold (n, 18) and eval (m, 18) probabilities after what params choose, and tables of what each choice does.

    `shares` has a row a value: its share in train and, estimated, in eval. `changes` has a row a choice, taken or
    not: how many eval pictures it answers otherwise, in all and by attribute, and macro F1 before and after.
    `adaptation` (18,) and `offsets` (18,) are what eval's probabilities are multiplied by and moved by, if chosen.
    """

    seen: Table
    unseen: Table
    shares: pd.DataFrame
    changes: pd.DataFrame
    adaptation: Shares
    offsets: Shares


def calibrate(seen: Voices, unseen: Voices, pictures: pd.DataFrame) -> tuple[Voices, Voices, pd.DataFrame]:
    """Out-of-fold and eval predictions at the temperatures of their heads, and a row of scores a head.

    A group of `seen` is at the temperature of the other groups, so that what is scored on it stays honest. Years stay
    as they are: their spread is fitted elsewhere.
    """
    apart = groups(pictures)
    codes = {head: label_codes(pictures, attributes(head)) for (heads,) in seen.values() for head in heads}
    cool_seen = _each(seen, lambda _, head, table: calibration.nested(table, codes[head], apart))
    scores = {
        (name, head): calibration.scores(table, cool_seen[name][0][head], codes[head])
        for name, (heads,) in seen.items()
        for head, table in heads.items()
        if table.ndim == 2
    }
    cool_unseen = cooled(unseen, {f"{name}={head}": row["temperature"] for (name, head), row in scores.items()})
    rows = [{"model": name, "head": head} | row for (name, head), row in scores.items()]
    return cool_seen, cool_unseen, pd.DataFrame(rows, columns=COLUMNS)


def cooled(voices: Voices, temperatures: Mapping[str, float]) -> Voices:
    """Voices whose tables of classes are at the temperatures of their `<name>=<head>`; without one, as they are."""
    return _each(
        voices,
        lambda name, head, table: (
            calibration.scale(table, temperatures[f"{name}={head}"])
            if f"{name}={head}" in temperatures
            else np.asarray(table, np.float64)
        ),
    )


def adjust(
    seen: Table, unseen: Table, voters: npt.NDArray[np.float64], pictures: pd.DataFrame, params: Ensemble
) -> Adjusted:
    """Adapt and move probabilities as params choose, after the fit to labelled pictures (n).

    `seen` (n, 18) are out-of-fold, `unseen` (m, 18) the answer for eval, `voters` (voters, m, 18) the answers that it
    was voted from. Offsets that follow an adaptation are fitted to adapted pictures that count as in eval's mix.
    """
    codes = label_codes(pictures, tuple(ATTRIBUTES))
    found = _judged(estimates(seen, voters, pictures), seen, codes)
    weights = {name: found[name].weights for name in ATTRIBUTES}
    counts = label_shift.of_classes({name: found[name].ratio for name in ATTRIBUTES})[codes]
    even = np.ones(len(codes))
    adapted, adapted_seen = label_shift.adapt(unseen, weights), label_shift.adapt(seen, weights)
    fitted_on, start, counted = (adapted_seen, adapted, counts) if params.adapt else (seen, unseen, even)
    steps = class_bias.fit(fitted_on, codes, counted)
    moved = class_bias.apply(start, steps)
    moved_seen = class_bias.nested(seen, codes, groups(pictures))
    changes = [
        _change("adapt", params.adapt, (unseen, adapted), (seen, adapted_seen), codes, counts),
        _change("offsets", params.offsets, (start, moved), (seen, moved_seen), codes, even),
    ]
    return Adjusted(
        moved_seen if params.offsets else seen,
        moved if params.offsets else start,
        label_shift.table(found, {**ATTRIBUTES, "class": names()}),
        pd.DataFrame(changes),
        label_shift.of_classes(weights),
        steps,
    )


def estimates(seen: Table, unseen: npt.NDArray[np.float64], pictures: pd.DataFrame) -> dict[str, Estimate]:
    """The mix in eval of every attribute and, as `class`, of the 18 classes.

    From calibrated out-of-fold probabilities (n, 18) of pictures (n), and those of eval by voters (voters, m, 18),
    each of which made a part of the former.
    """
    voters = [_parts(table) for table in unseen]
    codes = {name: label_codes(pictures, (name,)) for name in ATTRIBUTES}
    codes["class"] = label_codes(pictures, tuple(ATTRIBUTES))
    people = pictures["person"].to_numpy(str)
    return {
        name: label_shift.estimate(Evidence(table, codes[name], people, np.stack([parts[name] for parts in voters])))
        for name, table in _parts(seen).items()
    }


def _judged(found: Mapping[str, Estimate], seen: Table, codes: Codes) -> dict[str, Estimate]:
    """The estimates, also refused where following them would not raise macro F1."""
    chosen = label_shift.worthwhile(seen, codes, found)
    dropped = {
        name: replace(found[name], refusals=("macro F1 would not rise",))
        for name in ATTRIBUTES
        if not found[name].refusals and name not in chosen
    }
    return {**found, **dropped}


def _change(
    choice: str, taken: bool, unseen: tuple[Table, Table], seen: tuple[Table, Table], codes: Codes, counts: Shares
) -> dict[str, str | int | float]:
    """What a choice does to the answers for eval, and to macro F1 out of fold where pictures count `counts` (n,)."""
    before, after = (table.argmax(axis=1) for table in unseen)
    differ = {
        attribute: int((old != new).sum())
        for attribute, old, new in zip(ATTRIBUTES, decode(before), decode(after), strict=True)
    }
    scores = dict(
        zip(("macro_f1_before", "macro_f1_after"), (macro_f1(table, codes, counts) for table in seen), strict=True)
    )
    return {"choice": choice, "taken": str(taken).lower(), "pictures": int((before != after).sum()), **differ, **scores}


def _each(voices: Voices, change: Callable[[str, str, Numbers], Table]) -> Voices:
    """Voices whose tables of classes were changed, given the model's and the head's name."""
    return {
        name: [
            {head: change(name, head, numbers) if numbers.ndim == 2 else numbers for head, numbers in heads.items()}
            for heads in members
        ]
        for name, members in voices.items()
    }


def _parts(probabilities: Table) -> dict[str, Table]:
    return {name: marginal(EVERYTHING, probabilities, name) for name in ATTRIBUTES} | {"class": probabilities}
