"""The weakest slices: kinds of photos that out-of-fold predictions get wrong more often than the rest."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.layout import TRAIN
from pipeline.faces.doubts import doubts
from pipeline.label_quality.doctor.findings import WARNING, Check, Finding
from pipeline.label_quality.doctor.photos import CheckedPhoto
from pipeline.schema import bootstrap
from pipeline.schema.probabilities import Table, likeliest
from pipeline.schema.schema import SCHEMA, Codes

SLICE = Check(
    "weak slice",
    WARNING,
    "The out-of-fold predictions of these photos are wrong more often than those of the others.",
    "Look at the photos (--html). Correct their labels, bring more such photos, or sample them more often.",
)

Mask = npt.NDArray[np.bool_]

FEWEST_PEOPLE = 5
SHARE = 0.2
"""Share of the photos that the darkest, the brightest, the smallest and the largest are."""
LEVEL = 0.05
"""Probability, over all slices, that chance alone gives a finding."""
MOST_PHOTOS = 24


def find(
    photos: pd.DataFrame, probabilities: Table, crops: pd.DataFrame, measured: Sequence[CheckedPhoto]
) -> Iterator[Finding]:
    """A finding for every weak slice, the weakest first.

    A slice is weak when the upper bound of its accuracy less that of the rest is below 0 in the bootstrap over people,
    at a level that is divided by the number of slices (Bonferroni). All people are resampled together: within cells of
    gender and age band, a slice of few people would look more certain than it is.

    Args:
        photos: Labelled photos (n) with out-of-fold predictions.
        probabilities: Their class probabilities (n, classes).
        crops: The table of crops of train.
        measured: The measured photos of the data set.
    """
    codes = SCHEMA.codes(photos)
    right = likeliest(probabilities) == codes
    person, together = list(photos["person"]), np.zeros(len(photos), np.int64)
    slices = {
        name: mask
        for name, mask in {**_of_labels(codes), **_of_photos(photos, measured), **_of_faces(photos, crops)}.items()
        if min(photos.loc[mask, "person"].nunique(), photos.loc[~mask, "person"].nunique()) >= FEWEST_PEOPLE
    }
    found = []
    for name, mask in slices.items():
        if np.quantile(bootstrap.accuracy_gaps(person, together, right, mask), 1 - LEVEL / len(slices)) < 0:
            found.append((right[mask].mean() - right[~mask].mean(), name, mask))
    for _, name, mask in sorted(found, key=lambda each: each[:2]):
        text = f"{name}: accuracy {right[mask].mean():.2f}, and {right[~mask].mean():.2f} of the rest"
        wrong = photos["path"].to_numpy()[mask & ~right][:MOST_PHOTOS]
        size = f"{mask.sum():,} photos of {photos.loc[mask, 'person'].nunique():,} people"
        yield Finding(SLICE, f"{text} ({size})", tuple((TRAIN / path).as_posix() for path in wrong))


def _of_labels(codes: Codes) -> dict[str, Mask]:
    decoded = SCHEMA.decode(codes)
    return {
        f"{one.name} {value}": decoded[one.name] == number
        for one in SCHEMA.attributes
        for number, value in enumerate(one.values)
    }


def _of_photos(photos: pd.DataFrame, measured: Sequence[CheckedPhoto]) -> dict[str, Mask]:
    by_path = {photo.path: photo for photo in measured}
    known = [by_path.get((TRAIN / path).as_posix()) for path in photos["path"]]
    numbers: Mapping[str, list[float]] = {
        "brightness": [photo.brightness if photo else np.nan for photo in known],
        "size": [min(photo.width, photo.height) if photo else np.nan for photo in known],
    }
    names = {"brightness": ("the darkest photos", "the brightest photos"), "size": ("small photos", "large photos")}
    found: dict[str, Mask] = {}
    for key, values in numbers.items():
        array = np.array(values)
        if np.isfinite(array).any():
            found |= dict(zip(names[key], (_lowest(array), _lowest(-array)), strict=True))
    return found


def _lowest(values: npt.NDArray[np.float64]) -> Mask:
    """About the share `SHARE` with the lowest values; of values that many photos have, all or none."""
    low, middle = np.nanquantile(values, [SHARE, 0.5])
    return np.asarray(values <= low if low < middle else values < low)


def _of_faces(photos: pd.DataFrame, crops: pd.DataFrame) -> dict[str, Mask]:
    table = crops.set_index("path").loc[list(photos["path"])]
    reasons = {f"photos with {name}": mask.to_numpy(np.bool_) for name, mask in doubts(table).items()}
    return reasons | {"photos without a face": (table["source"] == "center").to_numpy(np.bool_)}
