"""The photos of each group pooled: what all photos of a person share is predicted once, from all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.dataset.folds import groups as cross_fitting_groups
from pipeline.ensembling import calibration, fitting, nesting, person_groups
from pipeline.ensembling.config import People
from pipeline.ensembling.nesting import Mask
from pipeline.ensembling.person_groups import Descriptors, Pairs
from pipeline.formats import crop_files
from pipeline.foundation.errors import InputError
from pipeline.schema.probabilities import Table, softmax
from pipeline.schema.schema import SCHEMA, Codes, LabelSchema

MIN_PROBABILITY = 1e-6
"""Lowest probability in a mean of logarithms: one photo alone cannot rule a value out."""
WEIGHTS = (1.0, 2.0, 4.0, 8.0)
"""Weights of a photo that `pool: fitted` tries, beside 1 for the first value (a worn mask)."""
SHARPNESS = (0.0, 0.25, 0.5, 0.75, 1.0)
SEED = 777

Weights = npt.NDArray[np.float64]

CLASSES = np.arange(SCHEMA.classes)
OF_PHOTO = LabelSchema(tuple(attribute for attribute in SCHEMA.attributes if not attribute.of_person))
PERSON_OF, PHOTO_OF = (
    np.eye(schema.classes)[schema.encode(SCHEMA.decode(CLASSES))] for schema in (SCHEMA.people, OF_PHOTO)
)
"""For every class, one-hot, what its photos share with the person's others (gender x age), and what not (mask)."""


@dataclass(frozen=True)
class Pooling:
    """What is fitted on labelled people.

    Attributes:
        threshold: Of the groups' width.
        weights: Weights (values,) of a photo by what it shows beside the person.
        sharpness: Power of a group's size that multiplies its mean log probability: 0 where its photos say the same,
            1 where each is new evidence.
    """

    threshold: float
    weights: Weights
    sharpness: float


@dataclass(frozen=True)
class Photos:
    """Photos to be grouped: descriptors (n, features) and class probabilities (n, classes)."""

    descriptors: Descriptors
    probabilities: Table

    def __getitem__(self, rows: Mask) -> "Photos":
        """The photos of a mask (n,)."""
        return Photos(self.descriptors[rows], self.probabilities[rows])


@dataclass(frozen=True)
class Groups:
    """Photos grouped by person, and how each group is pooled.

    Attributes:
        out_of_fold: Group (n,) of each labelled photo, numbered within its own cross-fitting group.
        eval: Group (m,) of each eval photo.
        pooling: What is fitted on all people, for eval.
        without: What is fitted on the people of the other cross-fitting groups, by cross-fitting group.
        scores: Precision and recall of the pairs of photos in the out-of-fold groups, and the number of eval's groups.
    """

    out_of_fold: Codes
    eval: Codes
    pooling: Pooling
    without: Mapping[int, Pooling]
    scores: dict[str, float]

    def pooled(self, out_of_fold: Table, groups: Codes) -> Table:
        """Out-of-fold probabilities (n, classes) of which each of the cross-fitting groups (n,) is pooled."""
        return nesting.predict(
            groups, lambda group, own: pooled(out_of_fold[own], self.out_of_fold[own], self.without[group])
        )


def require_few(photos: int, eval_photos: int) -> None:
    """Raise `InputError` for more photos than can be grouped: each is compared with every other."""
    if max(photos, eval_photos) > fitting.MOST:
        raise InputError(
            f"ensemble.people: {photos:,} train and {eval_photos:,} eval photos; at most {fitting.MOST:,} of each are "
            "grouped by person, because each is compared with every other: set ensemble.people to null"
        )


def group(
    out_of_fold: Table, photos: pd.DataFrame, eval_photos: "pd.Series[str]", crops: Path, params: People
) -> Groups:
    """Group labelled photos and eval photos by person, and fit how the probabilities of each group are pooled.

    For eval the groups' width and the photos' weights are fitted on all people. For the scores, each fold is grouped
    without its ids, by what the other folds fit.

    Args:
        out_of_fold: Out-of-fold probabilities (n, classes) of the photos.
        photos: Labelled photos (n).
        eval_photos: Paths of the eval photos (m).
        crops: Folder of packed crops, with thumbnails.
        params: How photos are grouped and pooled.

    Raises:
        InputError: When there are no thumbnails, or they are of other photos.
    """
    train = Photos(_descriptors(crops, "train", photos["path"]), out_of_fold)
    descriptors = _descriptors(crops, "eval", eval_photos)
    own_groups = cross_fitting_groups(photos)
    without = nesting.fit(own_groups, lambda rest: fit(train[rest], photos[rest], int((~rest).sum()), params))
    numbers = np.zeros(len(photos), np.int64)
    for own, pooling in without.items():
        rows = own_groups == own
        numbers[rows] = person_groups.group(train.descriptors[rows], pooling.threshold, params.photos)
    pooling = fit(train, photos, len(eval_photos), params)
    groups = person_groups.group(descriptors, pooling.threshold, params.photos)
    scores = _scores(photos, numbers) | {"people_eval_groups": len(np.unique(groups))}
    return Groups(numbers, groups, pooling, without, scores)


def fit(train: Photos, photos: pd.DataFrame, size: int, params: People) -> Pooling:
    """Fit the pooling of a number of photos, `size`, on labelled photos (n), in sets of as many people as they show."""
    people = np.unique(photos["person"].to_numpy(str), return_inverse=True)[1]
    sets = _sets(people, max(size // params.photos, 2))
    threshold = person_groups.fit_threshold(
        [(train.descriptors[rows], people[rows]) for rows in sets], params.precision, params.photos
    )
    if params.pool == "equal":
        return Pooling(threshold, np.ones(OF_PHOTO.classes), 0.0)
    groups = np.empty(len(people), np.int64)
    for number, rows in enumerate(sets):
        own = person_groups.group(train.descriptors[rows], threshold, params.photos)
        groups[rows] = number * len(people) + own
    return _fit_weights(train.probabilities, groups, SCHEMA.people.codes(photos), threshold)


def pooled(probabilities: Table, groups: Codes, pooling: Pooling) -> Table:
    """Class probabilities (n, classes) in which the photos of a group agree on what they share.

    A weighted logarithmic opinion pool (Genest and Zidek 1986, Combining Probability Distributions) of the marginals;
    what a photo does not share keeps its probabilities given the rest.
    """
    own = probabilities @ PERSON_OF
    ratio = pool_marginals(own, probabilities @ PHOTO_OF, groups, pooling) / np.maximum(own, MIN_PROBABILITY)
    table = probabilities * (ratio @ PERSON_OF.T)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def pool_marginals(own: Table, of_photo: Table, groups: Codes, pooling: Pooling) -> Table:
    """Probabilities (n, k) of what a group shares: the normalised exponential of the sharpened weighted mean log.

    Args:
        own: Probabilities (n, k) of what the photos of a person share.
        of_photo: Probabilities (n, values) of what they do not share, by which photos are weighted.
        groups: Group (n,) of every photo.
        pooling: Weights and sharpness.
    """
    number = np.unique(groups, return_inverse=True)[1]
    weights = of_photo @ pooling.weights
    logs = np.log(np.maximum(own, MIN_PROBABILITY)) * weights[:, None]
    sums = np.stack([np.bincount(number, column) for column in logs.T], axis=1)
    sizes = np.bincount(number)
    mean = sums / np.bincount(number, weights)[:, None] * (sizes**pooling.sharpness)[:, None]
    return softmax(mean)[number]


def _fit_weights(probabilities: Table, groups: Codes, targets: Codes, threshold: float) -> Pooling:
    """Weights of photos and sharpness of the highest likelihood; of equals the plainest."""
    own, of_photo = probabilities @ PERSON_OF, probabilities @ PHOTO_OF
    trials = [
        Pooling(threshold, np.array([1.0, *weights]), sharpness)
        for sharpness in SHARPNESS
        for weights in product(WEIGHTS, repeat=OF_PHOTO.classes - 1)
    ]
    losses = [calibration.log_loss(pool_marginals(own, of_photo, groups, trial), targets) for trial in trials]
    return trials[int(np.argmin(losses))]


def _sets(people: Codes, number: int) -> list[npt.NDArray[np.intp]]:
    """Rows of people in sets of about `number`, assigned at random."""
    shuffled = np.random.default_rng(SEED).permutation(people.max() + 1)
    parts = np.array_split(shuffled, max(round(len(shuffled) / number), 1))
    return [np.flatnonzero(np.isin(people, part)) for part in parts]


def _descriptors(crops: Path, split: str, photos: "pd.Series[str]") -> Descriptors:
    listed = pd.Index(crop_files.paths(crops, split))
    if missing := sorted(set(photos) - set(listed)):
        raise InputError(f"{crops}: no thumbnail of {len(missing)} photos, first {missing[0]}; run `dvc repro`")
    try:
        thumbnails = crop_files.thumbnails(crops, split)
    except InputError as error:
        raise InputError(f"{error}; ensemble.people needs crop.thumbnail: [16, 12]") from None
    rows = listed.get_indexer(pd.Index(photos))
    return person_groups.describe(np.stack([thumbnails[row] for row in rows.tolist()]))


def _scores(photos: pd.DataFrame, numbers: Codes) -> dict[str, float]:
    people, folds = photos["person"].to_numpy(str), cross_fitting_groups(photos)
    by_fold = [person_groups.pairs(numbers[folds == fold], people[folds == fold]) for fold in np.unique(folds)]
    total = Pairs(*(sum(part) for part in zip(*((one.grouped, one.same, one.both) for one in by_fold), strict=True)))
    return {"people_pair_precision": total.precision, "people_pair_recall": total.recall}
