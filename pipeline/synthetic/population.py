"""The people of the synthetic data set, with the faults in labels, files and folders that real data has."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.schema.schema import GENDER
from pipeline.synthetic.photo import FACELESS, Faceless

Priors = npt.NDArray[np.float64]
Ages = tuple[int, int, int]

TRAIN_PRIORS: Priors = np.outer([0.39, 0.61], [0.49, 0.42, 0.09])
EVAL_PRIORS: Priors = np.outer([0.6, 0.4], [0.38, 0.35, 0.27])
"""Priors of gender (male, female) x age band (2, 3). Eval is shifted, as the competition's appears to be."""
TRAIN_AGES: tuple[Ages, ...] = ((18, 22, 30), (30, 47, 60), (60, 60, 61))
EVAL_AGES: tuple[Ages, ...] = (*TRAIN_AGES[:2], (60, 64, 76))
"""Lowest age, mode and excluded upper end of each age band's triangular distribution, in years."""
MIN_PEOPLE = 4
"""Minimum number of people of each gender and age band, so that every fold of up to four holds each class."""


@dataclass(frozen=True)
class TrainPerson:
    """A person of train: true gender and age, the labels in train.csv, and the faults of the files."""

    id: str
    gender: str
    age: int
    labelled_gender: str
    labelled_age: int
    swapped: bool = False
    """Whether the photos `normal` and `incorrect_mask` have swapped names."""
    suffixes: tuple[str, ...] = (".jpg",)
    """Extensions of the photos, used in turn."""
    apple_double: bool = False
    """Whether every photo has an AppleDouble file (`._*`) beside it."""
    faceless: tuple[str, Faceless] | None = None
    """Stem of the photo that shows no face, and the reason."""

    @property
    def path(self) -> str:
        """The name of the person's folder."""
        return f"{self.id}_{self.labelled_gender}_Asian_{self.labelled_age}"


def train_people(count: int, seed: int) -> list[TrainPerson]:
    """Return the `count` people of train (24 or more) in the order of train.csv."""
    rng = np.random.default_rng([seed, 0])
    attributes = enumerate(_attributes(count, TRAIN_PRIORS, TRAIN_AGES, rng))
    people = [TrainPerson(f"{number:06d}", gender, age, gender, age) for number, (gender, age) in attributes]
    _mislabel(people, rng)
    _vary_files(people, rng)
    _vary_ids(people)
    return people


def eval_people(count: int, seed: int) -> list[tuple[str, int]]:
    """Return gender and age in years of the `count` people of eval."""
    return list(_attributes(count, EVAL_PRIORS, EVAL_AGES, np.random.default_rng([seed, 2])))


def _attributes(
    count: int, priors: Priors, ages: tuple[Ages, ...], rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    counts = np.maximum(np.rint(priors * count), min(MIN_PEOPLE, count // priors.size)).astype(int).ravel()
    while surplus := counts.sum() - count:
        counts[np.argmax(counts)] -= np.sign(surplus)
    for cell in rng.permutation(np.repeat(np.arange(priors.size), counts)):
        gender, age_band = divmod(int(cell), priors.shape[1])
        yield GENDER.values[gender], int(rng.triangular(*ages[age_band]))


def _mislabel(people: list[TrainPerson], rng: np.random.Generator) -> None:
    """Give about 2 % each a wrong gender, a wrong age or swapped files; all are young, the largest age band."""
    few = max(1, round(0.022 * len(people)))
    young = rng.permutation([i for i, person in enumerate(people) if person.age < 30])
    for i in young[:few]:
        people[i] = replace(people[i], labelled_gender=GENDER.values[1 - GENDER.values.index(people[i].gender)])
    for i in young[few : 2 * few]:
        people[i] = replace(people[i], labelled_age=people[i].age + 30)
    for i in young[2 * few : 3 * few]:
        people[i] = replace(people[i], swapped=True)


def _vary_files(people: list[TrainPerson], rng: np.random.Generator) -> None:
    few = max(1, round(0.025 * len(people)))
    png, jpeg, mixed, doubled, faceless = np.split(rng.permutation(len(people)), np.cumsum([few, few, 1, 3]))
    for members, suffixes in ((png, (".png",)), (jpeg, (".jpeg",)), (mixed, (".jpg", ".jpeg"))):
        for i in members:
            people[i] = replace(people[i], suffixes=suffixes)
    for i in doubled:
        people[i] = replace(people[i], apple_double=True)
    for i, stem, reason in zip(faceless, ("mask3", "mask5", "normal"), FACELESS, strict=False):
        people[i] = replace(people[i], faceless=(stem, reason))


def _vary_ids(people: list[TrainPerson]) -> None:
    """Give two people with different labels the same id, and one person an id with a suffix."""
    twin = next(i for i, person in enumerate(people) if person.labelled_age != people[0].labelled_age)
    people[twin] = replace(people[twin], id=people[0].id)
    people[-1] = replace(people[-1], id=f"{people[-2].id}-1")
