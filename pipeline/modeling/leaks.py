"""Leaks between the two sides of a split: people, and photos that both sides share."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.formats import perceptual_hash
from pipeline.foundation.processes import is_first
from pipeline.foundation.terminal import warn

SHOWN = 3
"""Number of people, and of photos, that a warning names."""


def report(photos: pd.DataFrame, held_out: npt.NDArray[np.bool_]) -> None:
    """Print a warning for every leak, before a training starts.

    Args:
        photos: Labels of all crops (n), with the columns path, person and perceptual_hash; pseudo-labelled photos have
            no person.
        held_out: Whether each crop (n,) is in the held-out fold.
    """
    if is_first():
        for leak in (_people(photos, held_out), _duplicates(photos, held_out)):
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


def _duplicates(photos: pd.DataFrame, held_out: npt.NDArray[np.bool_]) -> str:
    hashes = perceptual_hash.parse(photos["perceptual_hash"])
    own, trained = photos.loc[held_out, "path"], photos.loc[~held_out, "path"]
    copies = perceptual_hash.close_rows(hashes[held_out], hashes[~held_out])
    pairs = [f"{path} = {trained.iloc[copy]}" for path, copy in zip(own, copies.tolist(), strict=True) if copy >= 0]
    if not pairs:
        return ""
    return (
        f"{len(pairs):,} held-out photos are also trained on, as the same file or saved again ({_first(pairs)}): "
        "scores are too high; remove the copies, or name the people in split.same_people (`python -m pipeline doctor "
        "--same-people FILE` lists them)"
    )


def _first(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
