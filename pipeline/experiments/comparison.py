"""Recipes side by side: their figures, ranked where the scale allows it, and paired differences to one of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.experiments import measures, resampling
from pipeline.experiments.resampling import OutOfFold
from pipeline.experiments.scales import RANKING
from pipeline.foundation.errors import InputError, did_you_mean

OTHER_PHOTOS = "other photos"  # were held out: no difference
REFERENCE = "reference"
SELECTED = "; *: biased upwards, because the epoch was selected on the scored people"


def rows(places: Mapping[str, Path], scale: str, against: str | None = None) -> list[dict[str, Any]]:
    """The figures of recipes that have run.

    At a scale that ranks, the best comes first, and the difference of macro F1 to a reference is added, paired by
    person, with its 95 % interval and verdict.

    Args:
        places: The workspace of every recipe.
        scale: A key of `SCALES`.
        against: The reference; the best by default.

    Raises:
        InputError: When a recipe has not run, or the reference is none of the recipes.
    """
    if against is not None and against not in places:
        raise InputError(f"--against {against}: not among the recipes{did_you_mean(against, places)}")
    found = [{"recipe": name, **measures.measure(place)} for name, place in places.items()]
    if scale not in RANKING:
        return found
    ranked = sorted(found, key=lambda row: -float(row["macro_f1"]))
    reference = against or str(ranked[0]["recipe"])
    predicted = {name: OutOfFold.of(place) for name, place in places.items()}
    return [row | _compared(predicted, str(row["recipe"]), reference) for row in ranked]


def title(rows: Sequence[Mapping[str, Any]], scale: str) -> str:
    """What the figures are of, whether they rank, and what a star at a score means."""
    caveat = "" if scale in RANKING else "; scores at this scale are near chance and rank nothing"
    star = any(row["epoch_selected_on_val"] for row in rows)
    return f"{len(rows)} recipes, scale {scale}{caveat}{SELECTED if star else ''}"


def _compared(predicted: Mapping[str, OutOfFold], name: str, reference: str) -> dict[str, Any]:
    columns = ("difference", "difference_low", "difference_high", "verdict")
    own, other = predicted[name], predicted[reference]
    if name == reference:
        return dict(zip(columns, (np.nan, np.nan, np.nan, REFERENCE), strict=True))
    if not own.is_of_photos_of(other):
        return dict(zip(columns, (np.nan, np.nan, np.nan, OTHER_PHOTOS), strict=True))
    found = resampling.difference(name, [own], reference, [other])
    return dict(zip(columns, (found.value, found.low, found.high, found.verdict), strict=True))
