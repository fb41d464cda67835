"""Stage sample: a small data set drawn in the competition's layout, with the faults that real data has."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from pipeline.dataset.corrections import SWAP
from pipeline.dataset.layout import MASK_OF_STEM
from pipeline.formats import tables
from pipeline.foundation.files import naming, write_bytes
from pipeline.schema.schema import SCHEMA
from pipeline.synthetic import FACELESS, seven
from pipeline.synthetic.config import Sample
from pipeline.synthetic.population import Member, eval_cast, train_cast

APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(58)
"""What a Mac leaves beside a file as `._name`: no photo."""


def sample(data: Path, params: Sample) -> None:
    """Write train/ (train.csv, truth.csv, images/) and eval/ (info.csv, answers.csv, images/) into `data`.

    Equal params give equal bytes; every person is drawn from a generator of their own.
    """
    cast = train_cast(params.people, params.seed)
    for number, member in enumerate(cast):
        _write_member(data / "train" / "images" / member.path, member, np.random.default_rng([params.seed, 1, number]))
    tables.write(_train_table(cast), data / "train" / "train.csv")
    tables.write(pd.DataFrame(_label_errors(cast)), data / "train" / "truth.csv")
    _write_eval(data / "eval", params)


def _train_table(cast: list[Member]) -> pd.DataFrame:
    rows = [(member.id, member.labelled_gender, "Asian", member.labelled_age, member.path) for member in cast]
    return pd.DataFrame(rows, columns=["id", "gender", "race", "age", "path"])


def _label_errors(cast: list[Member]) -> Iterator[dict[str, str]]:
    """Rows of a fixes file; people are named by their path, as an id can be anyone's."""
    for member in cast:
        gender, age = (member.labelled_gender, member.gender), (str(member.labelled_age), str(member.age))
        mask = ("", SWAP if member.swapped else "")
        for field, (was, value) in (("gender", gender), ("age", age), ("mask", mask)):
            if was != value:
                yield {"id": member.path, "field": field, "was": was, "value": value, "source": "sample"}


def _write_member(folder: Path, member: Member, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    swapped = {"normal": "incorrect_mask", "incorrect_mask": "normal"} if member.swapped else {}
    for number, (stem, photo) in enumerate(seven(member.gender, member.age, rng, member.faceless)):
        suffix = member.suffixes[number % len(member.suffixes)]
        path = folder / f"{swapped.get(stem, stem)}{suffix}"
        _save(photo, path)
        if member.apple_double:
            write_bytes(path.with_name(f"._{path.name}"), APPLE_DOUBLE)


def _write_eval(folder: Path, params: Sample) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    answers = pd.DataFrame(_draw_eval(folder / "images", params))
    answers = answers.iloc[np.random.default_rng([params.seed, 4]).permutation(len(answers))]
    tables.write(answers.assign(ans=0), folder / "info.csv")
    tables.write(answers, folder / "answers.csv")


def _draw_eval(images: Path, params: Sample) -> Iterator[dict[str, str | int]]:
    """Save every photo and give its row of answers.csv; one of the first person's shows no face."""
    for number, (gender, age) in enumerate(eval_cast(params.eval_people, params.seed)):
        faceless = ("mask2", FACELESS[0]) if number == 0 else None
        for stem, photo in seven(gender, age, np.random.default_rng([params.seed, 3, number]), faceless):
            name = hashlib.sha1(f"{params.seed} {number} {stem}".encode()).hexdigest() + ".jpg"
            _save(photo, images / name)
            label = pd.DataFrame({"mask": [MASK_OF_STEM[stem]], "gender": [gender], "age": [age]})
            yield {"ImageID": name, "ans": int(SCHEMA.codes(label)[0])}


def _save(photo: npt.NDArray[np.uint8], path: Path) -> None:
    with naming(path):
        Image.fromarray(photo).save(path, quality=90)
