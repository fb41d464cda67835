"""infer: predictions follow from the weights and the test-time augmentation alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.inference import Predictor
from pipeline.modeling.training import Inputs
from pipeline.schema import predictions
from pipeline.stages.infer import infer
from pipeline.stages.train import train
from tests.support import packed

Make = Callable[..., ModelConfig]


@pytest.fixture
def trained(config: Make, trainable: Path) -> Path:
    settings = config(augmentation=[{"RandomBrightnessContrast": {"p": 1}}])
    inputs = Inputs(
        trainable / "crops", trainable / "labels.parquet", trainable / "folds.parquet", trainable / "checkpoint.pt"
    )
    train(inputs, "mask", 1, settings, trainable / "out", lambda *_: None)
    return trainable


def run(folder: Path, name: str, tta: TTA) -> Path:
    infer(folder / "out" / "weights.safetensors", folder / "crops", folder / "folds.parquet", tta, folder / name)
    return folder / name


@pytest.mark.parametrize("tta", [{"flip": True}, {"clean": 2, "augmented": 2, "five_crop": 0.8}], ids=["flip", "views"])
def test_a_fold_is_predicted_as_any_photos_are(trained: Path, tta: dict[str, Any]) -> None:
    held_out = (tables.read(trained / "folds.parquet", tables.FOLDS)["fold"] == 1).to_numpy()
    predictor = Predictor(trained / "out" / "weights.safetensors", TTA.model_validate(tta))
    again = predictor(packed.read(trained / "crops", "train"))["mask"]
    paths, written = predictions.read(run(trained, "predicted", TTA.model_validate(tta)) / "out_of_fold.parquet")
    np.testing.assert_allclose(again[held_out], written["mask"], atol=1e-5)
    assert paths == [f"person{row}/normal.jpg" for row in np.flatnonzero(held_out)]


def test_another_augmentation_changes_the_predictions_and_reads_the_same_weights(trained: Path) -> None:
    weights = (trained / "out" / "weights.safetensors").read_bytes()
    plain, flipped, again = (run(trained, name, TTA(flip=name == "flip")) for name in ("plain", "flip", "again"))
    for file in ("out_of_fold.parquet", "eval.parquet"):
        assert (plain / file).read_bytes() == (again / file).read_bytes()
        assert (plain / file).read_bytes() != (flipped / file).read_bytes()
    assert (trained / "out" / "weights.safetensors").read_bytes() == weights


def test_a_crop_without_a_fold_is_an_error(trained: Path) -> None:
    folds = tables.read(trained / "folds.parquet", tables.FOLDS)
    tables.write(folds.iloc[1:], trained / "folds.parquet")
    with pytest.raises(InputError, match=r"no fold of 1 crops, first person0/normal\.jpg"):
        run(trained, "out", TTA())


def test_a_held_out_fold_needs_the_table_of_folds(trained: Path) -> None:
    with pytest.raises(InputError, match=r"held out fold 1; name the table of folds by --folds"):
        infer(trained / "out" / "weights.safetensors", trained / "crops", None, TTA(), trained / "predicted")
