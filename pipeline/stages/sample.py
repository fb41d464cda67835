"""Stage sample: a small synthetic data set in the competition's layout, with the faults that real data has."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.dataset.corrections import SWAP
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.formats import tables
from pipeline.formats.images import write_image
from pipeline.foundation.files import sync, write_bytes
from pipeline.schema.schema import SCHEMA
from pipeline.synthetic.config import Sample
from pipeline.synthetic.photo import FACELESS, person_photos
from pipeline.synthetic.population import TrainPerson, eval_people, train_people

APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(58)
"""Content of the file `._name` that macOS leaves beside a file `name`; it is not a photo."""


def sample(data: Path, params: Sample) -> None:
    """Write a synthetic data set.

    The output is bit-for-bit reproducible: each person has a random generator of their own, seeded by `params.seed` and
    the person's number. People are drawn one after another: a photo is thousands of short calls, which threads would
    only hold up.

    Args:
        data: Folder that receives train/ (train.csv, truth.csv, images/) and eval/ (info.csv, answers.csv, images/).
            Other files in it stay as they are.
        params: Numbers of people and the seed.

    Raises:
        OSError: Names the file that the disk has no room for.
    """
    people = train_people(params.people, params.seed)
    for number, person in enumerate(people):
        rng = np.random.default_rng([params.seed, 1, number])
        _write_train_photos(data / "train" / "images" / person.path, person, rng)
    tables.write(_train_table(people), data / "train" / "train.csv")
    tables.write(pd.DataFrame(_label_errors(people)), data / "train" / "truth.csv")
    _write_eval(data / "eval", params)
    sync(data)


def _train_table(people: list[TrainPerson]) -> pd.DataFrame:
    rows = [(person.id, person.labelled_gender, "Asian", person.labelled_age, person.path) for person in people]
    return pd.DataFrame(rows, columns=["id", "gender", "race", "age", "path"])


def _label_errors(people: list[TrainPerson]) -> Iterator[dict[str, str]]:
    """Yield the corrections of all wrong labels, by the person's path: two people can share an id."""
    for person in people:
        gender, age = (person.labelled_gender, person.gender), (str(person.labelled_age), str(person.age))
        mask = ("", SWAP if person.swapped else "")
        for field, (was, value) in (("gender", gender), ("age", age), ("mask", mask)):
            if was != value:
                yield {"id": person.path, "field": field, "was": was, "value": value, "source": "sample"}


def _write_train_photos(folder: Path, person: TrainPerson, rng: np.random.Generator) -> None:
    swapped = {"normal": "incorrect_mask", "incorrect_mask": "normal"} if person.swapped else {}
    for number, (stem, photo) in enumerate(person_photos(person.gender, person.age, rng, person.faceless)):
        suffix = person.suffixes[number % len(person.suffixes)]
        path = folder / f"{swapped.get(stem, stem)}{suffix}"
        write_image(Image.fromarray(photo), path, synced=False)
        if person.apple_double:
            write_bytes(path.with_name(f"._{path.name}"), APPLE_DOUBLE, synced=False)


def _write_eval(folder: Path, params: Sample) -> None:
    answers = pd.DataFrame(_write_eval_photos(folder / "images", params))
    answers = answers.iloc[np.random.default_rng([params.seed, 4]).permutation(len(answers))]
    tables.write(answers.assign(ans=0), folder / "info.csv")
    tables.write(answers, folder / "answers.csv")


def _write_eval_photos(folder: Path, params: Sample) -> Iterator[dict[str, str | int]]:
    """Save every eval photo and yield its row of answers.csv; one photo of the first person shows no face."""
    people = eval_people(params.eval_people, params.seed)
    for number, (gender, age) in enumerate(people):
        faceless = ("mask2", FACELESS[0]) if number == 0 else None
        rng = np.random.default_rng([params.seed, 3, number])
        for stem, photo in person_photos(gender, age, rng, faceless):
            name = hashlib.sha1(f"{params.seed} {number} {stem}".encode()).hexdigest() + ".jpg"
            write_image(Image.fromarray(photo), folder / name, synced=False)
            label = pd.DataFrame({"mask": [MASK_OF_STEM[stem]], "gender": [gender], "age": [age]})
            yield {"ImageID": name, "ans": int(SCHEMA.codes(label)[0])}
