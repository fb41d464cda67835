"""A tiny data set in the competition's layout, to be damaged by tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.dataset.layout import MASK_OF_STEM

HEADER = "id,gender,race,age,path"
PEOPLE = ("000001_female_Asian_30", "000002_male_Asian_59", "000002_male_Asian_60", "000003-1_female_Asian_18")


class DataSet:
    """Four people, two of one id and one of an id with a suffix, and three eval photos."""

    def __init__(self, root: Path, people: Sequence[str] = PEOPLE) -> None:
        self.root = root
        self.images = root / "train" / "images"
        self.table = root / "train" / "train.csv"
        self.info = root / "eval" / "info.csv"
        for person in people:
            self.photo(person)
        self.write_rows([row(person) for person in people])
        self.evaluate(["c.jpg", "a.jpg", "b.png"])

    def photo(self, person: str, extension: str = ".png") -> None:
        folder = self.images / person
        folder.mkdir(parents=True)
        for stem in MASK_OF_STEM:
            draw(folder / f"{stem}{extension}")

    def write_rows(self, rows: Sequence[str], header: str = HEADER) -> None:
        self.table.write_text("\n".join([header, *rows]) + "\n")

    def evaluate(self, photos: Sequence[str]) -> None:
        images = self.root / "eval" / "images"
        images.mkdir(parents=True, exist_ok=True)
        for photo in photos:
            draw(images / photo)
        self.list_eval(photos)

    def list_eval(self, photos: Sequence[str]) -> None:
        self.info.write_text("".join(["ImageID,ans\n", *(f"{photo},0\n" for photo in photos)]))


def row(person: str) -> str:
    """The row of train.csv that a folder's name tells."""
    identity, gender, race, age = person.split("_")
    return f"{identity},{gender},{race},{age},{person}"


def draw(path: Path, height: int = 6, width: int = 4) -> None:
    """A photo whose four corners differ."""
    down, right = np.mgrid[:height, :width]
    pixels = np.stack([down * 40, right * 60, np.full_like(down, 99)], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
