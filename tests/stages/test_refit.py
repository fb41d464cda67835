"""refit: a model on all data, for as many epochs as its folds found best."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipeline.foundation.errors import InputError
from pipeline.modeling import weights
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import ModelConfig, WeightsMetadata
from pipeline.modeling.members import Member
from pipeline.modeling.training import Inputs
from pipeline.stages.refit import held_out, mean_kept_epoch, refit

Make = Callable[..., ModelConfig]


def inputs(folder: Path) -> Inputs:
    return Inputs(folder / "crops", folder / "labels.parquet", None, folder / "checkpoint.pt")


def quiet(epoch: int, metrics: Metrics) -> None:
    """Say nothing."""


def trained(folder: Path, fold: int, epoch: int, config: ModelConfig) -> None:
    member = Member(folder / "models", "mask", fold)
    weights.save(member.weights, {}, WeightsMetadata(model="mask", fold=fold, epoch=epoch, config=config))


def test_a_refit_skips_the_last_epochs_on_validation(config: Make, trainable: Path) -> None:
    for name, last in (("without", 0), ("with", 3)):
        settings = config(last_epochs_on_validation=last, epochs=2)
        trained(trainable, 0, 2, settings)
        refit(inputs(trainable), "mask", settings, trainable / "models", (0,), trainable / name, quiet)
    assert (trainable / "without" / "epochs.csv").read_bytes() == (trainable / "with" / "epochs.csv").read_bytes()


def test_a_refit_trains_on_all_data_for_the_mean_of_the_kept_epochs(config: Make, trainable: Path) -> None:
    for fold, epoch in enumerate((1, 3, 3)):
        trained(trainable, fold, epoch, config())
    refit(inputs(trainable), "mask", config(epochs=9), trainable / "models", (0, 1, 2), trainable / "out", quiet)
    assert len(pd.read_csv(trainable / "out" / "epochs.csv")) == 2
    recipe = weights.read_metadata(trainable / "out" / "weights.safetensors")
    assert (recipe.fold, recipe.epoch) == (None, 2)


def test_a_refit_without_its_folds_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"models/mask/folds/1/weights\.safetensors"):
        mean_kept_epoch([Member(tmp_path / "models", "mask", 1)])


def test_a_refit_may_be_given_its_number_of_epochs(config: Make, trainable: Path) -> None:
    trained(trainable, 0, 1, config())
    refit(inputs(trainable), "mask", config(), trainable / "models", (0,), trainable / "out", quiet, epochs=3)
    assert len(pd.read_csv(trainable / "out" / "epochs.csv")) == 3


def test_a_refit_on_a_split_by_photo_takes_the_epochs_that_folds_of_people_kept(config: Make, trainable: Path) -> None:
    settings = config(epochs=9, select="macro_f1", patience=1)
    for fold, epoch in enumerate((3, 5)):
        trained(trainable, fold, epoch, settings)
    refit(inputs(trainable), "mask", settings, trainable / "models", (0, 1), trainable / "out", quiet, validation=0.25)
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert (len(epochs), "val_macro_f1" in epochs) == (4, True)
    metadata = weights.read_metadata(trainable / "out" / "weights.safetensors")
    assert (metadata.fold, metadata.epoch, metadata.config) == (None, 4, settings)
    scores = json.loads((trainable / "out" / "metrics.json").read_text())
    assert scores["photos_macro_f1"] == pytest.approx(epochs["val_macro_f1"].iloc[-1], abs=1e-6)
    assert scores["epoch"] == 4


def test_photos_of_every_class_are_held_out_by_their_share() -> None:
    photos = pd.DataFrame({"mask": "worn", "gender": ["male", "female"] * 20, "age": 30})
    chosen = held_out(photos, 0.25, seed=1)
    assert chosen[::2].sum() == chosen[1::2].sum() == 5
    assert not held_out(photos, None, seed=1).any()


def test_a_refit_ignores_folds_that_params_do_not_name_and_removes_nothing(config: Make, trainable: Path) -> None:
    trained(trainable, 0, 1, config())
    trained(trainable, 5, 3, config())
    before = {path: path.read_bytes() for path in (trainable / "models").rglob("*") if path.is_file()}
    refit(inputs(trainable), "mask", config(), trainable / "models", (0,), trainable / "out", quiet)
    assert len(pd.read_csv(trainable / "out" / "epochs.csv")) == 1
    assert {path: path.read_bytes() for path in (trainable / "models").rglob("*") if path.is_file()} == before
