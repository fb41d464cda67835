import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import predictions, tables
from pipeline.entries import Model, Recipe
from pipeline.errors import InputError
from pipeline.members import Member
from pipeline.stages.refit import best_epochs, refit
from pipeline.stages.train import train
from pipeline.vision import inference, weights
from pipeline.vision.checkpoints import Metrics
from pipeline.vision.training import Inputs

Make = Callable[..., Model]
HEADS = {
    "mask": {},
    "gender x age": {"loss": "focal", "bands": [30, 59]},
}


class KilledError(Exception):
    """Stands for a process that is ended between two epochs."""


def inputs(folder: Path) -> Inputs:
    return Inputs(folder / "crops", folder / "labels.csv", folder / "folds.csv", folder / "checkpoint.pt")


def quiet(epoch: int, metrics: Metrics) -> None:
    """Say nothing."""


def test_a_model_learns_what_can_be_seen_and_predicts_exactly_its_fold(entry: Make, trainable: Path) -> None:
    train(inputs(trainable), "both", 1, entry(heads=HEADS, epochs=12), trainable / "out", quiet)
    folds = tables.read(trainable / "folds.csv", tables.FOLDS)
    paths, heads = predictions.read(trainable / "out" / "out_of_fold.csv")
    assert paths == list(folds.loc[folds["fold"] == 1, "path"])
    assert {head: table.shape for head, table in heads.items()} == {"mask": (16, 3), "gender x age": (16, 6)}
    assert all(np.allclose(table.sum(axis=1), 1) for table in heads.values())
    metrics = json.loads((trainable / "out" / "metrics.json").read_text())
    assert metrics["macro_f1"] > 0.6
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert len(epochs) == 12
    assert epochs["validation_mask_f1"].max() > 0.9
    assert epochs["train_loss"].iloc[-1] < epochs["train_loss"].iloc[0] / 2
    assert metrics["epoch"] == epochs["epoch"].iloc[int(epochs["validation_f1"].argmax())]


def test_years_are_learnt_with_their_mean_absolute_error(entry: Make, trainable: Path) -> None:
    heads = {"age": {"kind": "years", "loss": "smooth_l1"}}
    train(inputs(trainable), "years", 0, entry(heads=heads, epochs=10), trainable / "out", quiet)
    _, found = predictions.read(trainable / "out" / "out_of_fold.csv")
    assert found["age"].shape == (16,)
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert epochs["validation_mae"].min() < 8


def test_saved_weights_predict_what_was_written_out_of_fold(entry: Make, trainable: Path) -> None:
    train(inputs(trainable), "mask", 0, entry(flip=True), trainable / "out", quiet)
    held_out = (tables.read(trainable / "folds.csv", tables.FOLDS)["fold"] == 0).to_numpy()
    crops = np.load(trainable / "crops" / "train.npy")
    again = inference.predict(trainable / "out" / "weights.safetensors", crops)["mask"]
    _, written = predictions.read(trainable / "out" / "out_of_fold.csv")
    np.testing.assert_allclose(again[held_out], written["mask"], atol=1e-5)


def test_equal_trainings_give_equal_bytes_and_a_killed_one_resumes_to_them(entry: Make, trainable: Path) -> None:
    augmented = entry(augmentation=[{"HorizontalFlip": {}}, {"GaussNoise": {}}], schedule="cosine", epochs=4)
    for name in ("first", "second"):
        train(inputs(trainable), "mask", 0, augmented, trainable / name, quiet)

    def kill(epoch: int, metrics: Metrics) -> None:
        if epoch == 1:
            raise KilledError

    with pytest.raises(KilledError):
        train(inputs(trainable), "mask", 0, augmented, trainable / "killed", kill)
    assert (trainable / "checkpoint.pt").exists()
    reported: list[int] = []
    train(inputs(trainable), "mask", 0, augmented, trainable / "killed", lambda epoch, _: reported.append(epoch))
    assert reported == [0, 1, 2, 3]
    assert not (trainable / "checkpoint.pt").exists()
    for file in ("weights.safetensors", "out_of_fold.csv", "epochs.csv", "metrics.json"):
        contents = {(trainable / name / file).read_bytes() for name in ("first", "second", "killed")}
        assert len(contents) == 1, file


def test_a_checkpoint_of_other_parameters_is_not_continued(
    entry: Make, trainable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill(epoch: int, metrics: Metrics) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        train(inputs(trainable), "mask", 0, entry(), trainable / "out", kill)
    train(inputs(trainable), "mask", 0, entry(seed=1), trainable / "other", quiet)
    assert "of other data or parameters; the training starts anew" in capsys.readouterr().out
    train(inputs(trainable), "mask", 0, entry(seed=1), trainable / "undisturbed", quiet)
    assert (trainable / "other" / "epochs.csv").read_bytes() == (trainable / "undisturbed" / "epochs.csv").read_bytes()


def test_a_refit_trains_on_everybody_for_the_mean_of_the_best_epochs(entry: Make, trainable: Path) -> None:
    for fold, epoch in enumerate((1, 3, 3)):
        member = Member(trainable / "models", "mask", fold)
        weights.save(member.weights, {}, Recipe(model="mask", fold=fold, epoch=epoch, entry=entry()))
        member.out_of_fold.touch()
    refit(inputs(trainable), "mask", entry(epochs=9), trainable / "models", (0, 1, 2), trainable / "out", quiet)
    assert len(pd.read_csv(trainable / "out" / "epochs.csv")) == 2
    recipe = weights.read_recipe(trainable / "out" / "weights.safetensors")
    assert (recipe.fold, recipe.epoch) == (None, 2)


def test_a_refit_without_its_folds_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"models/mask/folds/1/weights\.safetensors"):
        best_epochs([Member(tmp_path / "models", "mask", 1)])


def test_a_fold_that_does_not_exist_is_an_error(entry: Make, trainable: Path) -> None:
    with pytest.raises(InputError, match=r"fold 7 is not one of \[0, 1, 2\]"):
        train(inputs(trainable), "mask", 7, entry(), trainable / "out", quiet)


def test_a_crop_without_a_label_is_an_error(entry: Make, trainable: Path) -> None:
    labels = tables.read(trainable / "labels.csv", tables.LABELS)
    tables.write(labels.iloc[1:], trainable / "labels.csv")
    with pytest.raises(InputError, match=r"1 crops have no label or fold, first person0/normal\.jpg"):
        train(inputs(trainable), "mask", 0, entry(), trainable / "out", quiet)
