"""million: its photos are a data set that the stages take, and its parameters are those of the project."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from benchmarks import million
from pipeline.config.params import Params
from pipeline.dataset.config import Relabel, Split
from pipeline.dataset.layout import eval_photos, train_photos
from pipeline.faces.config import Crop
from pipeline.formats import crop_files, perceptual_hash
from pipeline.schema.schema import SCHEMA
from pipeline.stages.crop import crop
from pipeline.stages.pack import pack
from pipeline.stages.relabel import relabel
from pipeline.stages.split import split

PHOTOS = 470


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    million.write_photos(root, PHOTOS)
    return root


def test_three_fifths_of_the_photos_are_of_train_and_of_all_classes(data: Path) -> None:
    photos = train_photos(data)
    assert len(photos) == 280
    assert len(eval_photos(data)) == PHOTOS - 280
    assert set(SCHEMA.codes(photos)) == set(range(SCHEMA.classes))


def test_equal_numbers_are_equal_bytes(data: Path, tmp_path: Path) -> None:
    million.write_photos(tmp_path, PHOTOS)
    files = [path for path in data.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert all((tmp_path / path.relative_to(data)).read_bytes() == path.read_bytes() for path in files)


def test_the_stages_take_the_photos_and_no_two_look_alike(data: Path, tmp_path: Path) -> None:
    labels, crops = tmp_path / "labels.parquet", tmp_path / "crops"
    relabel(data, tmp_path, labels, Relabel())
    folds, classes, plot = (tmp_path / name for name in ("folds.parquet", "classes.csv", "classes.png"))
    split(labels, tmp_path, folds, classes, plot, Split(folds=2))
    params = Crop(method="center", size=million.SIDE)
    crop(0, data, labels, crops, params)
    pack(crops, params)
    train, evaluated = (
        perceptual_hash.parse(crop_files.hashes(crops, name)["perceptual_hash"]) for name in ("train", "eval")
    )
    assert len(np.unique(train, axis=0)) == len(train)
    assert (perceptual_hash.close_rows(evaluated, train) == -1).all()


def test_the_parameters_are_valid_with_a_task_of_crop_for_every_quarter_of_a_million(tmp_path: Path) -> None:
    shipped = YAML(typ="safe").load(Path("params.yaml"))
    changed = Params.model_validate(million.settings(shipped, tmp_path, 1_000_000))
    assert changed.crop.shards == (0, 1, 2, 3)
    assert million.settings(shipped, tmp_path, 7)["crop"]["shards"] == [0]
