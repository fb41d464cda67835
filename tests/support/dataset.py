"""A tiny data set in the competition's layout, to be damaged by tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.schema.labels import MASK_OF_STEM

HEADER = "id,gender,race,age,path"
PEOPLE = ("000001_female_Asian_30", "000002_male_Asian_59", "000002_male_Asian_60", "000003-1_female_Asian_18")


class DataSet:
    """Four people, two of one id and one of an id with a suffix, and three eval pictures."""

    def __init__(self, root: Path, people: Sequence[str] = PEOPLE) -> None:
        self.root = root
        self.images = root / "train" / "images"
        self.table = root / "train" / "train.csv"
        self.info = root / "eval" / "info.csv"
        for person in people:
            self.photograph(person)
        self.write_rows([row(person) for person in people])
        self.evaluate(["c.jpg", "a.jpg", "b.png"])

    def photograph(self, person: str, extension: str = ".png") -> None:
        folder = self.images / person
        folder.mkdir(parents=True)
        for stem in MASK_OF_STEM:
            draw(folder / f"{stem}{extension}")

    def write_rows(self, rows: Sequence[str], header: str = HEADER) -> None:
        self.table.write_text("\n".join([header, *rows]) + "\n")

    def evaluate(self, pictures: Sequence[str]) -> None:
        images = self.root / "eval" / "images"
        images.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            draw(images / picture)
        self.list_eval(pictures)

    def list_eval(self, pictures: Sequence[str]) -> None:
        self.info.write_text("".join(["ImageID,ans\n", *(f"{picture},0\n" for picture in pictures)]))


def row(person: str) -> str:
    """The row of train.csv that a folder's name tells."""
    identity, gender, race, age = person.split("_")
    return f"{identity},{gender},{race},{age},{person}"


def draw(path: Path, height: int = 6, width: int = 4) -> None:
    """A picture whose four corners differ."""
    down, right = np.mgrid[:height, :width]
    pixels = np.stack([down * 40, right * 60, np.full_like(down, 99)], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
