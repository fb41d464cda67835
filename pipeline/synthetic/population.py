"""Who is in the drawn data set, and the faults with which folders, files and labels tell it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.schema.schema import GENDER
from pipeline.synthetic import FACELESS, Faceless

Shares = npt.NDArray[np.float64]
Ages = tuple[int, int, int]

TRAIN_MIX: Shares = np.outer([0.39, 0.61], [0.49, 0.42, 0.09])
EVAL_MIX: Shares = np.outer([0.6, 0.4], [0.38, 0.35, 0.27])
"""Shares of gender (male, female) x age band; eval is shifted as the competition's appears to be."""
TRAIN_AGES: tuple[Ages, ...] = ((18, 22, 30), (30, 47, 60), (60, 60, 61))
EVAL_AGES: tuple[Ages, ...] = (*TRAIN_AGES[:2], (60, 64, 76))
"""Of each band the youngest age, the most frequent one, and the one that nobody reaches."""
FEWEST = 4
"""People of each gender x age band, where there are people enough: no fold is to go without."""


@dataclass(frozen=True)
class Member:
    """A person of train: what they are, and how folder, files and train.csv tell it."""

    id: str
    gender: str
    age: int
    labelled_gender: str
    labelled_age: int
    swapped: bool = False
    """Whether the files normal and incorrect_mask are swapped."""
    suffixes: tuple[str, ...] = (".jpg",)
    """Suffixes of the image files, in turn."""
    apple_double: bool = False
    """Whether `._*` files lie among the images."""
    faceless: tuple[str, Faceless] | None = None
    """A image (stem) that shows no face, and why."""

    @property
    def path(self) -> str:
        """The name of the person's folder."""
        return f"{self.id}_{self.labelled_gender}_Asian_{self.labelled_age}"


def train_cast(count: int, seed: int) -> list[Member]:
    """The people of train, 24 or more, in the order of train.csv."""
    rng = np.random.default_rng([seed, 0])
    people = _people(count, TRAIN_MIX, TRAIN_AGES, rng)
    cast = [Member(f"{number:06d}", gender, age, gender, age) for number, (gender, age) in enumerate(people)]
    _mislabel(cast, rng)
    _vary_files(cast, rng)
    _vary_ids(cast)
    return cast


def eval_cast(count: int, seed: int) -> list[tuple[str, int]]:
    """Gender and age in years of the people of eval."""
    return list(_people(count, EVAL_MIX, EVAL_AGES, np.random.default_rng([seed, 2])))


def _people(count: int, mix: Shares, ages: tuple[Ages, ...], rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    counts = np.maximum(np.rint(mix * count), min(FEWEST, count // mix.size)).astype(int).ravel()
    while surplus := counts.sum() - count:
        counts[np.argmax(counts)] -= np.sign(surplus)
    for cell in rng.permutation(np.repeat(np.arange(mix.size), counts)):
        gender, age_band = divmod(int(cell), mix.shape[1])
        yield GENDER.values[gender], int(rng.triangular(*ages[age_band]))


def _mislabel(cast: list[Member], rng: np.random.Generator) -> None:
    """Wrong gender, wrong age and swapped files, about 2 % each; all among the young, of whom there are most."""
    few = max(1, round(0.022 * len(cast)))
    young = rng.permutation([i for i, member in enumerate(cast) if member.age < 30])
    for i in young[:few]:
        cast[i] = replace(cast[i], labelled_gender=GENDER.values[1 - GENDER.values.index(cast[i].gender)])
    for i in young[few : 2 * few]:
        cast[i] = replace(cast[i], labelled_age=cast[i].age + 30)
    for i in young[2 * few : 3 * few]:
        cast[i] = replace(cast[i], swapped=True)


def _vary_files(cast: list[Member], rng: np.random.Generator) -> None:
    few = max(1, round(0.025 * len(cast)))
    png, jpeg, mixed, doubled, faceless = np.split(rng.permutation(len(cast)), np.cumsum([few, few, 1, 3]))
    for members, suffixes in ((png, (".png",)), (jpeg, (".jpeg",)), (mixed, (".jpg", ".jpeg"))):
        for i in members:
            cast[i] = replace(cast[i], suffixes=suffixes)
    for i in doubled:
        cast[i] = replace(cast[i], apple_double=True)
    for i, stem, reason in zip(faceless, ("mask3", "mask5", "normal"), FACELESS, strict=False):
        cast[i] = replace(cast[i], faceless=(stem, reason))


def _vary_ids(cast: list[Member]) -> None:
    """One id for two people whose labels differ, and one id with a suffix."""
    twin = next(i for i, member in enumerate(cast) if member.labelled_age != cast[0].labelled_age)
    cast[twin] = replace(cast[twin], id=cast[0].id)
    cast[-1] = replace(cast[-1], id=f"{cast[-2].id}-1")
