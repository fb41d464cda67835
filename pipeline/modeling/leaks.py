"""Leaks between the two sides of a split: people, and photos that both sides share."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats.arrays import Packed
from pipeline.foundation.processes import is_first
from pipeline.foundation.terminal import warn
from pipeline.modeling.fold_data import crop_digests

SHOWN = 3
"""Number of people, and of photos, that a warning names."""


def report(photos: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_]) -> None:
    """Print a warning for every leak, before a training starts.

    Args:
        photos: Labels of all crops (n), with the columns path, person and, where the index of crops has it, digest;
            pseudo-labelled photos have no person.
        crops: Packed crops (n, height, width, 3).
        held_out: Whether each crop (n,) is in the held-out fold.
    """
    if is_first():
        for leak in (_people(photos, held_out), _duplicates(photos, crops, held_out)):
            if leak:
                warn(leak)


def _people(photos: pd.DataFrame, held_out: npt.NDArray[np.bool_]) -> str:
    person = photos["person"].to_numpy()
    both = sorted(set(person[held_out]) & set(person[~held_out]))
    if not both:
        return ""
    return (
        f"{len(both):,} people stand on both sides of the split ({_first(both)}): its scores are too high; set "
        "split.by to person, and run `dvc repro`"
    )


def _duplicates(photos: pd.DataFrame, crops: Packed, held_out: npt.NDArray[np.bool_]) -> str:
    digests, path = crop_digests(photos, crops), photos["path"]
    own, rest = np.flatnonzero(held_out), np.flatnonzero(~held_out)
    shared = own[np.isin(digests[own], digests[rest])]
    if not len(shared):
        return ""
    trained = dict(zip(digests[rest].tolist(), path.iloc[rest], strict=True))
    pairs = [f"{path.iloc[row]} = {trained[int(digests[row])]}" for row in shared.tolist()]
    return (
        f"{len(pairs):,} held-out photos are also trained on ({_first(pairs)}): scores are too high; remove the "
        "copies, or name the people in split.same_people (`python -m pipeline doctor --same-people FILE` lists them)"
    )


def _first(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
