"""Faults that are planted in the synthetic sample are found, with a precision and a recall of .9 at least."""

import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from pipeline.dataset.layout import train_photos
from pipeline.faces.doubts import LOW
from pipeline.formats import tables
from pipeline.label_quality.doctor import diagnose, slices
from pipeline.label_quality.doctor.duplicates import NEAR_DUPLICATE
from pipeline.label_quality.doctor.findings import Finding
from pipeline.label_quality.doctor.layout import files
from pipeline.label_quality.doctor.photos import CheckedPhoto, examine
from pipeline.label_quality.doctor.results import FACES, Results
from pipeline.label_quality.doctor.sessions import SESSION
from pipeline.label_quality.doctor.slices import SLICE
from pipeline.label_quality.doctor.unlike import UNLIKE
from pipeline.schema.probabilities import Table
from pipeline.schema.schema import SCHEMA
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample

Change = Callable[[Image.Image], Image.Image]
Mask = npt.NDArray[np.bool_]


def cut(image: Image.Image, share: float) -> Image.Image:
    x, y = round(share * image.width), round(share * image.height)
    return image.crop((x, y, image.width - x, image.height - y))


def written_on(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).text((20, 470), "a day in 2021", "white", font_size=30)
    return image


COPIES: list[Change] = [
    lambda image: image.resize((190, 260)),
    lambda image: cut(image, 0.03),
    lambda image: cut(image, 0.06),
    ImageOps.mirror,
    written_on,
    lambda image: image.filter(ImageFilter.GaussianBlur(3)),
    lambda image: ImageEnhance.Contrast(image).enhance(1.5),
]


def page(_: Image.Image) -> Image.Image:
    image = Image.new("RGB", (384, 512), "white")
    for line in range(20):
        ImageDraw.Draw(image).text((20, 20 + 24 * line), "a page of text, a page of text", "black", font_size=16)
    return image


def random(height: int, width: int, resampling: Image.Resampling = Image.Resampling.NEAREST) -> Change:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return lambda _: Image.fromarray(pixels).resize((384, 512), resampling)


OTHERS: list[Change] = [
    page,
    random(512, 384),
    random(16, 12),
    random(8, 6, Image.Resampling.BICUBIC),
    ImageOps.invert,
]


class Planted:
    """The sample with copies of photos under other people and in eval, and with pictures of no person."""

    def __init__(self, root: Path) -> None:
        self.root = root
        sample(root, Sample(people=24, eval_people=4))
        self.people = sorted(path.name for path in (root / "train" / "images").iterdir())
        self.copies = {self.copy(number, change) for number, change in enumerate(COPIES)}
        self.copies |= {self.copy_to_eval(number, change) for number, change in enumerate(COPIES)}
        self.sessions = {self.take_to_eval(number, number + 8) for number in range(6)}
        self.others = {self.replace(number, change) for number, change in enumerate(OTHERS)}

    def photo(self, person: int, stem: str) -> Path:
        (path,) = (self.root / "train" / "images" / self.people[person]).glob(f"{stem}.*")
        return path

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def copy(self, number: int, change: Change) -> frozenset[str]:
        source, target = self.photo(number, "mask1"), self.photo(number + len(COPIES), "mask4")
        save(change(Image.open(source).convert("RGB")), target)
        return frozenset((self.name(source), self.name(target)))

    def copy_to_eval(self, number: int, change: Change) -> frozenset[str]:
        source = self.photo(number + 2 * len(COPIES), "mask2")
        info = tables.read(self.root / "eval" / "info.csv", {"ImageID": "text"})
        target = self.root / "eval" / "images" / info["ImageID"][number]
        save(change(Image.open(source).convert("RGB")), target)
        return frozenset((self.name(source), self.name(target)))

    def take_to_eval(self, number: int, person: int) -> frozenset[str]:
        """An eval photo that has the surroundings of a train photo, and in the middle another photo of the person."""
        source = self.photo(person, "mask3")
        face = Image.open(self.photo(person, "normal")).convert("RGB")
        taken = Image.open(source).convert("RGB")
        middle = (72, 96, 312, 384)
        taken.paste(face.crop(middle), middle)
        info = tables.read(self.root / "eval" / "info.csv", {"ImageID": "text"})
        target = self.root / "eval" / "images" / info["ImageID"][number + 2 * len(COPIES)]
        save(taken, target)
        return frozenset((self.people[person], self.name(target)))

    def replace(self, number: int, change: Change) -> str:
        path = self.photo(3 * number, "mask5")
        save(change(Image.open(path).convert("RGB")), path)
        return self.name(path)


def save(image: Image.Image, path: Path) -> None:
    image.save(path, "PNG" if path.suffix == ".png" else "JPEG", quality=70)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return Planted(tmp_path_factory.mktemp("planted") / "sample")


@pytest.fixture(scope="module")
def findings(planted: Planted) -> list[Finding]:
    return diagnose(planted.root)


def owners(photos: Iterable[str]) -> frozenset[str]:
    """The people and the eval photos: a copy may resemble several photos of one person."""
    return frozenset(Path(photo).parent.name if photo.startswith("train") else photo for photo in photos)


def assert_found(expected: Set[object], found: Set[object]) -> None:
    assert len(expected & found) >= 0.9 * len(expected), f"missed: {expected - found}"
    assert len(expected & found) >= 0.9 * len(found), f"false alarms: {found - expected}"


def test_copies_under_other_people_and_in_eval(planted: Planted, findings: list[Finding]) -> None:
    found = {owners(finding.photos) for finding in findings if finding.check is NEAR_DUPLICATE}
    assert_found({owners(pair) for pair in planted.copies}, found)


def test_train_people_in_eval(planted: Planted, findings: list[Finding]) -> None:
    found = {
        frozenset((Path(train).parent.name, photo))
        for finding in findings
        if finding.check is SESSION
        for train, *photos in [finding.photos]
        for photo in photos
    }
    assert_found(set(planted.sessions), found)


def test_pictures_of_no_person(planted: Planted, findings: list[Finding]) -> None:
    assert_found(planted.others, {finding.photos[0] for finding in findings if finding.check is UNLIKE})


@pytest.fixture(scope="module")
def measured(planted: Planted) -> list[CheckedPhoto]:
    return examine(planted.root, files(planted.root))[0]


@pytest.fixture(scope="module")
def labelled(planted: Planted) -> pd.DataFrame:
    return train_photos(planted.root)


def crops(labelled: pd.DataFrame) -> pd.DataFrame:
    """A table of crops with every reason to doubt a face, each in a sixth of the photos."""
    kind = np.arange(len(labelled)) % 6
    found = {
        "source": np.where(kind == 0, "center", "face"),
        "probability": np.where(kind == 1, 0.7, 0.99),
        "faces": np.where(kind == 2, 2, 1),
        "turn": np.where(kind == 3, 90, 0),
    }
    return pd.DataFrame({"path": labelled["path"], **found})


def of_two_sizes(
    labelled: pd.DataFrame, measured: Sequence[CheckedPhoto], rare: Mask, ratio: float
) -> list[CheckedPhoto]:
    """The measured photos of train; the width and height of rare ones is that of the others times a ratio."""
    by_path = {photo.path: photo for photo in measured}
    photos = [by_path[f"train/images/{path}"] for path in labelled["path"]]
    width, height = round(384 * ratio), round(512 * ratio)
    return [
        replace(photo, width=width, height=height) if one else photo for photo, one in zip(photos, rare, strict=True)
    ]


def predictions(labelled: pd.DataFrame, weak: Mask, seed: int) -> Table:
    """Class probabilities that are wrong for a tenth of the photos, and for three of four in a weak slice."""
    wrong = np.random.default_rng(seed).random(len(labelled)) < np.where(weak, 0.75, 0.1)
    return np.asarray(np.eye(SCHEMA.classes)[(SCHEMA.codes(labelled) + wrong) % SCHEMA.classes])


def slices_of(labelled: pd.DataFrame, measured: Sequence[CheckedPhoto]) -> dict[str, Mask]:
    """Every kind of slice but those of size."""
    brightness = {photo.path: photo.brightness for photo in measured}
    bright = np.array([brightness[f"train/images/{path}"] for path in labelled["path"]])
    decoded, table = SCHEMA.decode(SCHEMA.codes(labelled)), crops(labelled)
    return {
        f"{one.name} {value}": decoded[one.name] == number
        for one in SCHEMA.attributes
        for number, value in enumerate(one.values)
    } | {
        "the darkest photos": bright < np.quantile(bright, 0.2),
        "the brightest photos": bright > np.quantile(bright, 0.8),
        "photos without a face": (table["source"] == "center").to_numpy(),
        "photos with low confidence": (table["probability"] < LOW).to_numpy(),
        "photos with several faces": (table["faces"] > 1).to_numpy(),
        "photos with face on its side": (table["turn"] > 0).to_numpy(),
    }


def test_weak_slices(labelled: pd.DataFrame, measured: list[CheckedPhoto]) -> None:
    expected: set[object] = set()
    found: set[object] = set()
    for seed in range(3):
        planted = [(name, weak, measured) for name, weak in slices_of(labelled, measured).items()]
        for share, (name, ratio) in product((0.1, 0.3), {"small photos": 1 / 3, "large photos": 3}.items()):
            rare = np.random.default_rng(seed).random(len(labelled)) < share
            planted.append((name, rare, of_two_sizes(labelled, measured, rare, ratio)))
        planted.append(("", np.zeros(len(labelled), np.bool_), measured))
        for number, (name, weak, photos) in enumerate(planted):
            expected |= {(seed, number, name)} if name else set()
            results = slices.find(labelled, predictions(labelled, weak, seed), crops(labelled), photos)
            found |= {(seed, number, finding.text.split(":")[0]) for finding in results}
    assert_found(expected, found)


def test_the_weakest_slice_comes_first(labelled: pd.DataFrame, measured: list[CheckedPhoto]) -> None:
    kinds = slices_of(labelled, measured)
    weak = predictions(labelled, kinds["mask normal"] | kinds["photos without a face"], 0)
    listed = list(slices.find(labelled, weak, crops(labelled), measured))
    assert len(listed) > 1
    gaps = [np.diff([float(number) for number in re.findall(r"0\.\d+", finding.text)])[0] for finding in listed]
    assert gaps == sorted(gaps, reverse=True)
    assert {finding.check for finding in listed} == {SLICE}


def test_doubtful_faces_are_listed(labelled: pd.DataFrame) -> None:
    table = crops(labelled).assign(source="face", probability=0.99, faces=1, turn=0)
    table.loc[3, "faces"] = 2
    table.loc[5, "turn"] = 90
    table.loc[8, "source"] = "center"
    listed = list(Results({"train": table, "eval": table[:0]}).find([]))
    assert [finding.text.split(": ")[1] for finding in listed] == ["several faces", "face on its side", "no face"]
    assert {finding.check for finding in listed} == {FACES}
