"""Photos grouped by person without their names, by what surrounds the face.

The photos of a person are mostly taken in one session: background, clothes and light stay the same while the mask
changes. A photo's thumbnail without its centre is therefore a descriptor of the session.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.formats.images import Pixels
from pipeline.schema.schema import Codes

Names = npt.NDArray[Any]
Descriptors = npt.NDArray[np.float64]

FACE = (0.16, 0.78, 0.17, 0.83)
"""Top, bottom, left and right of the part of a photo that is left out, as fractions: face and mask."""
DARKEST = 0.05
"""Added to brightness (0 to 1) before its logarithm, so that noise in dark corners counts little."""


class Merge(NamedTuple):
    """Two nodes that become one, their mean distance, and the number of photos of the new node."""

    left: int
    right: int
    distance: float
    size: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of photos: how many are in a group, how many show one person, and how many do both."""

    grouped: int
    same: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the grouped pairs that show one person; 1 without any."""
        return self.both / self.grouped if self.grouped else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs of one person that are grouped; 1 without any."""
        return self.both / self.same if self.same else 1.0


def describe(thumbnails: Pixels) -> Descriptors:
    """Descriptors (n, features) of thumbnails (n, height, width, 3) of whole photos.

    Log intensities outside the face, less their mean: a change of exposure shifts all of them alike.
    """
    height, width = thumbnails.shape[1:3]
    around = np.ones((height, width), bool)
    top, bottom, left, right = np.rint(np.multiply(FACE, (height, height, width, width))).astype(int)
    around[top:bottom, left:right] = False
    logs = np.log(thumbnails[:, around].reshape(len(thumbnails), -1) / 255 + DARKEST)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def tree(descriptors: Descriptors) -> list[Merge]:
    """The merges of average linkage, the nearest first; node n + i is the result of merge i of n photos.

    Sokal and Michener 1958, A Statistical Method for Evaluating Systematic Relationships (UPGMA).
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(descriptors) < 2:
        return []
    fitted = AgglomerativeClustering(n_clusters=1, linkage="average", compute_distances=True).fit(descriptors)
    sizes = [1] * len(descriptors)
    for left, right in fitted.children_:
        sizes.append(sizes[left] + sizes[right])
    columns = zip(fitted.children_, fitted.distances_, sizes[len(descriptors) :], strict=True)
    return [Merge(int(left), int(right), float(distance), size) for (left, right), distance, size in columns]


def group(descriptors: Descriptors, threshold: float, photos: int) -> Codes:
    """Group (n,) of every photo: average linkage, cut where it is wider than `threshold` or larger than a person.

    Args:
        descriptors: Descriptors (n, features).
        threshold: Largest mean distance between two merged groups.
        photos: Largest number of photos in a group. Merges beyond it are not made: the two parts stay groups.
    """
    merges = tree(descriptors)
    parent = np.arange(len(descriptors) + len(merges))
    for number, merge in enumerate(merges, start=len(descriptors)):
        if merge.distance <= threshold and merge.size <= photos:
            parent[[merge.left, merge.right]] = number
    for node in reversed(range(len(parent))):  # a parent comes after its parts
        parent[node] = parent[parent[node]]
    return np.unique(parent[: len(descriptors)], return_inverse=True)[1]


def fit_threshold(sets: Sequence[tuple[Descriptors, Names]], precision: float, photos: int) -> float:
    """The widest threshold at which the pairs in groups of labelled people have a precision; 0 where none has.

    It lies halfway to the next merge, so that a group that is slightly wider than all of theirs is still made.

    Args:
        sets: Descriptors (n, features) and people (n,) of sets that are grouped separately. The more people there
            are in a set, the more resemble each other: a set has as many people as the photos to be grouped.
        precision: Least precision over all sets together.
        photos: Largest number of photos in a group.
    """
    merges = np.array([merge for descriptors, people in sets for merge in _merges(descriptors, people, photos)])
    if not len(merges):
        return 0.0
    distances, grouped, both = merges[np.argsort(merges[:, 0], kind="stable")].T
    precise = np.flatnonzero(np.cumsum(both) >= precision * np.cumsum(grouped))
    return float(distances[precise[-1] : precise[-1] + 2].mean()) if len(precise) else 0.0


def pairs(groups: Codes, people: Names) -> Pairs:
    """Compare groups (n,) of photos with their people (n,)."""
    numbers = np.unique(people, return_inverse=True)[1]
    return Pairs(_pairs(groups), _pairs(numbers), _pairs(groups * (numbers.max(initial=0) + 1) + numbers))


def _merges(descriptors: Descriptors, people: Names, photos: int) -> list[tuple[float, int, int]]:
    """Distance, number of new pairs and of those that show one person, of every merge up to a size."""
    members = [Counter([person]) for person in people]
    found = []
    for merge in tree(descriptors):
        one, other = members[merge.left], members[merge.right]
        members.append(one + other)
        if merge.size <= photos:
            both = sum(count * other[person] for person, count in one.items())
            found.append((merge.distance, one.total() * other.total(), both))
    return found


def _pairs(codes: Codes) -> int:
    counts = np.unique(codes, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())
