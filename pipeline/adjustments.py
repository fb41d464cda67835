"""What may be done to probabilities after training: calibrated, adapted to eval's mix, moved by offsets."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import calibration, shift, targets
from pipeline.blend import EVERYTHING, Voices
from pipeline.entries import attributes
from pipeline.labels import ATTRIBUTES, decode, names
from pipeline.mixes import Evidence
from pipeline.probabilities import Numbers, Table, marginal
from pipeline.shift import Estimate


def calibrate(seen: Voices, unseen: Voices, pictures: pd.DataFrame) -> tuple[Voices, Voices, pd.DataFrame]:
    """Out-of-fold and eval predictions at the temperatures of their heads, and a row of scores a head.

    A fold of `seen` is at the temperature of the other folds, so that what is scored on it stays honest. Years stay
    as they are: their spread is fitted elsewhere.
    """
    folds = pictures["fold"].to_numpy()
    codes = {head: targets.codes(pictures, attributes(head)) for (heads,) in seen.values() for head in heads}
    scores = {
        (name, head): calibration.scores(table, codes[head], folds)
        for name, (heads,) in seen.items()
        for head, table in heads.items()
        if table.ndim == 2
    }
    cool_seen = _each(seen, lambda _, head, table: calibration.nested(table, codes[head], folds))
    cool_unseen = _each(unseen, lambda name, head, table: calibration.scale(table, scores[name, head]["temperature"]))
    rows = [{"model": name, "head": head} | row for (name, head), row in scores.items()]
    return cool_seen, cool_unseen, pd.DataFrame(rows)


def estimates(seen: Table, unseen: npt.NDArray[np.float64], pictures: pd.DataFrame) -> dict[str, Estimate]:
    """The mix in eval of every attribute and, as `class`, of the 18 classes.

    From calibrated out-of-fold probabilities (n, 18) of pictures (n), and those of eval by voters (voters, m, 18),
    each of which made a part of the former.
    """
    voters = [_parts(table) for table in unseen]
    codes = {name: targets.codes(pictures, (name,)) for name in ATTRIBUTES}
    codes["class"] = targets.codes(pictures, tuple(ATTRIBUTES))
    people = pictures["person"].to_numpy(str)
    return {
        name: shift.estimate(Evidence(table, codes[name], people, np.stack([parts[name] for parts in voters])))
        for name, table in _parts(seen).items()
    }


def shares(found: Mapping[str, Estimate]) -> pd.DataFrame:
    """The table of `shift.table`, a row a value of every attribute and a class."""
    return shift.table(found, {**ATTRIBUTES, "class": names()})


def changes(steps: Mapping[str, Table]) -> pd.DataFrame:
    """How many pictures each step answers otherwise than the one before it: in all, and by attribute."""
    codes = {step: table.argmax(axis=1) for step, table in steps.items()}
    rows = []
    for before, after in pairwise(codes):
        differ = {
            attribute: int((old != new).sum())
            for attribute, old, new in zip(ATTRIBUTES, decode(codes[before]), decode(codes[after]), strict=True)
        }
        rows.append({"step": after, "pictures": int((codes[before] != codes[after]).sum()), **differ})
    return pd.DataFrame(rows, columns=["step", "pictures", *ATTRIBUTES])


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
