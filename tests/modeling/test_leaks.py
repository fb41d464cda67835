"""What both sides of a split share is reported before a training starts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from pipeline.formats import tables
from pipeline.formats.perceptual_hash import perceptual_hash
from pipeline.foundation.errors import InputError
from pipeline.modeling import leaks, training
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.pseudo_labels import Teacher
from pipeline.modeling.training import Inputs
from pipeline.schema import predictions
from pipeline.stages.pseudo_label import pseudo_label
from pipeline.stages.train import train
from tests.modeling.people import people
from tests.support import packed

Make = Callable[..., ModelConfig]


class StartedError(Exception):
    """Stands for a training that starts."""


@pytest.fixture
def inputs(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    """Inputs without a leak; a training ends where its first epoch would start."""
    packed.replace(trainable / "crops", "eval", 255 - packed.read(trainable / "crops", "eval"))

    def start(*_: object) -> None:
        raise StartedError

    monkeypatch.setattr("pipeline.stages.train.fit", start)
    monkeypatch.setattr("pipeline.stages.pseudo_label.fit", start)
    return Inputs(
        trainable / "crops", trainable / "labels.parquet", trainable / "folds.parquet", trainable / "checkpoint.pt"
    )


def warnings(inputs: Inputs, config: ModelConfig, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(StartedError):
        train(inputs, "mask", 1, config, inputs.crops.parent / "out", lambda *_: None)
    return capsys.readouterr().err


def edit(path: Path, row: int, **values: object) -> None:
    table = tables.read(path, {})
    for column, value in values.items():
        table.loc[row, column] = str(value)
    tables.write(table, path)


def test_without_a_leak_nothing_is_reported(inputs: Inputs, config: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert warnings(inputs, config(), capsys) == ""


def test_people_on_both_sides(inputs: Inputs, config: Make, capsys: pytest.CaptureFixture[str]) -> None:
    photos = inputs.photos()
    (held_out, trained) = (int(np.flatnonzero(photos["fold"] == fold)[0]) for fold in (1, 0))
    folder = inputs.crops.parent
    for path in (folder / "labels.parquet", folder / "folds.parquet"):
        for row in (held_out, trained):
            edit(path, row, person="twin")
    assert "WARNING: 1 people stand on both sides of the split (twin)" in warnings(inputs, config(), capsys)


def test_duplicates_on_both_sides(inputs: Inputs, config: Make, capsys: pytest.CaptureFixture[str]) -> None:
    photos, crops = inputs.photos(), packed.read(inputs.crops, "train")
    held_out, trained = (int(np.flatnonzero(photos["fold"] == fold)[0]) for fold in (1, 0))
    crops[held_out] = crops[trained]
    packed.replace(inputs.crops, "train", crops)
    pair = f"{photos['path'][held_out]} = {photos['path'][trained]}"
    found = warnings(inputs, config(), capsys)
    assert f"WARNING: 1 held-out photos are also trained on, as the same file or saved again ({pair})" in found


def test_a_photo_that_was_saved_again_on_both_sides(
    inputs: Inputs, config: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, photo = inputs.photos(), Image.fromarray(people()[6])
    held_out, trained = (int(np.flatnonzero(photos["fold"] == fold)[0]) for fold in (1, 0))
    index = inputs.crops / "train.parquet"
    edit(index, trained, perceptual_hash=perceptual_hash(photo).hex())
    edit(index, held_out, perceptual_hash=perceptual_hash(ImageOps.mirror(photo.resize((200, 260)))).hex())
    assert f"({photos['path'][held_out]} = {photos['path'][trained]})" in warnings(inputs, config(), capsys)
    edit(index, held_out, perceptual_hash=perceptual_hash(Image.fromarray(people()[7])).hex())
    assert warnings(inputs, config(), capsys) == ""


def test_pseudo_labels_of_held_out_photos(inputs: Inputs, config: Make, capsys: pytest.CaptureFixture[str]) -> None:
    photos, crops = inputs.photos(), packed.read(inputs.crops, "train")
    names = tables.read(inputs.crops / "eval.parquet", {"path": "text"})["path"]
    predictions.write(inputs.crops / "teacher.csv", names, {"mask": np.eye(3)[np.zeros(len(names), int)]})
    evaluated = packed.read(inputs.crops, "eval")
    held_out = int(np.flatnonzero(photos["fold"] == 1)[0])
    evaluated[2] = crops[held_out]
    packed.replace(inputs.crops, "eval", evaluated)
    teacher = Teacher(inputs.crops / "teacher.csv", share=1, weight=0.5)
    with pytest.raises(StartedError):
        pseudo_label(inputs, teacher, "mask", 1, config(), inputs.crops / "out", lambda *_: None)
    pair = f"{photos['path'][held_out]} = {names[2]}"
    assert (
        f"WARNING: 1 held-out photos are also trained on, as the same file or saved again ({pair})"
        in capsys.readouterr().err
    )


def test_only_the_first_names_are_listed() -> None:
    assert leaks._first(["a", "b", "c", "d"]) == "a, b, c, ..."


def test_a_fold_that_holds_out_nobody_is_refused(inputs: Inputs) -> None:
    photos = inputs.photos()
    with pytest.raises(InputError, match="fold 7 is not one of"):
        training.held_out(photos, 7)


def test_predictions_of_people_that_a_model_trained_on_are_not_out_of_fold(tmp_path: Path) -> None:
    photos = pd.Series(["a/normal.jpg", "b/normal.jpg"])
    predictions.write(tmp_path / "out_of_fold.parquet", photos, {"mask": np.eye(3)[[0, 1]]})
    with pytest.raises(InputError, match=r"a row for b/normal\.jpg, which is not expected"):
        predictions.read_for(tmp_path / "out_of_fold.parquet", ["a/normal.jpg"])
