import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from pipeline.formats import tables
from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.inference import Predictor
from pipeline.modeling.network import Network
from pipeline.modeling.training import Inputs
from pipeline.modeling.weights import read_metadata
from pipeline.schema import label_table, predictions
from pipeline.schema.probabilities import YEARS, Heads
from pipeline.stages.infer import infer
from pipeline.stages.train import train
from tests.support import packed

Make = Callable[..., ModelConfig]
HEADS = {
    "mask": {},
    "gender x age": {"loss": "focal", "bands": [30, 59]},
}
PLAIN: dict[str, Any] = {"augmentation": [{"HorizontalFlip": {}}, {"GaussNoise": {}}], "schedule": "cosine"}
EVERYTHING: dict[str, Any] = PLAIN | {
    "heads": {
        "mask": {"loss": {"name": "mix", "of": ["arcface", "soft_f1"]}, "trim": {"share": 0.1}},
        "gender": {"loss": {"name": "cross_entropy", "class_weights": "balanced", "smoothing": 0.1}},
        "age": {"kind": "ordinal", "bands": [30, 55]},
    },
    "cutmix": {"probability": 0.3, "half": True, "partners": {"age": ">=60"}},
    "mixup": {"probability": 0.3},
    "drop_ages": [[26, 29]],
    "sampling": "balanced",
    "oversample": {"times": 2, "exclude": [0]},
    "last_epochs_on_validation": 1,
    "select": "loss",
    "accumulate": 2,
    "clip": 1.0,
    "optimizer": {"name": "madgrad", "learning_rate": 1e-3, "layer_decay": 0.8, "head_factor": 2},
    "frozen_epochs": 1,
    "pooling": "gem",
    "dropout": 0.2,
    "schedule": {"name": "plateau", "patience": 1},
    "ema": 0.99,
    "precision": "bf16-mixed",
    "channels_last": True,
    "gradient_checkpointing": True,
}

AVERAGED: dict[str, Any] = PLAIN | {
    "heads": {"mask": {}, "age": {"kind": "distribution"}},
    "average_epochs": 3,
    "sam": 0.05,
    "progressive_resizing": {"start": 0.5, "epochs": 0.5},
    "last_epochs_on_validation": 1,
    "optimizer": {"name": "lamb", "learning_rate": 1e-3},
}

GROWING: dict[str, Any] = {"progressive_resizing": {}}


class KilledError(Exception):
    """Stands for a process that is ended between two epochs."""


def inputs(folder: Path) -> Inputs:
    return Inputs(folder / "crops", folder / "labels.parquet", folder / "folds.parquet", folder / "checkpoint.pt")


def predict(folder: Path, output: Path, tta: TTA | None = None) -> Heads:
    """The out-of-fold predictions of a training."""
    infer(output / "weights.safetensors", folder / "crops", folder / "folds.parquet", tta or TTA(), output)
    return predictions.read(output / "out_of_fold.parquet")[1]


def quiet(epoch: int, metrics: Metrics) -> None:
    """Say nothing."""


def test_a_model_learns_what_can_be_seen_and_predicts_exactly_its_fold(config: Make, trainable: Path) -> None:
    train(inputs(trainable), "both", 1, config(heads=HEADS, epochs=12), trainable / "out", quiet)
    folds = tables.read(trainable / "folds.parquet", tables.FOLDS)
    heads = predict(trainable, trainable / "out")
    paths, _ = predictions.read(trainable / "out" / "out_of_fold.parquet")
    assert paths == list(folds.loc[folds["fold"] == 1, "path"])
    assert {head: table.shape for head, table in heads.items()} == {"mask": (16, 3), "gender x age": (16, 6)}
    assert all(np.allclose(table.sum(axis=1), 1) for table in heads.values())
    metrics = json.loads((trainable / "out" / "metrics.json").read_text())
    assert metrics["macro_f1"] > 0.6
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert len(epochs) == 12
    assert epochs["val_mask_macro_f1"].max() > 0.9
    assert epochs["train_loss"].iloc[-1] < epochs["train_loss"].iloc[0] / 2
    assert (metrics["epoch"], metrics["epoch_selected_on_val"]) == (12, 0)
    assert metrics["macro_f1"] == pytest.approx(epochs["val_macro_f1"].iloc[-1], abs=1e-6)


@pytest.mark.parametrize("levels", [[], [1, 3]])
def test_a_linear_probe_computes_features_once_and_learns_what_it_would_learn_from_images(
    config: Make, trainable: Path, monkeypatch: pytest.MonkeyPatch, levels: list[int]
) -> None:
    probe = config(heads=HEADS, epochs=4, frozen_epochs=4, augmentation=[], ema=0.9, levels=levels)
    seen: list[int] = []
    compute = Network.features

    def counted(self: Network, images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return compute(self, images)

    monkeypatch.setattr(Network, "features", counted)
    trained = []
    for is_probe, images in ((True, 48), (False, 4 * 48)):
        seen.clear()
        monkeypatch.setattr(ModelConfig, "is_probe", is_probe)
        train(inputs(trainable), "both", 1, probe, trainable / "out", quiet)
        assert sum(seen) == images
        trained.append(load_file(trainable / "out" / "weights.safetensors"))
    assert trained[0].keys() == trained[1].keys()
    for name, weights in trained[0].items():
        torch.testing.assert_close(weights, trained[1][name])


@pytest.mark.parametrize(
    "changing", [{"augmentation": PLAIN["augmentation"]}, {"mixup": {}}, {"frozen_epochs": 3}, GROWING]
)
def test_a_model_whose_images_or_backbone_change_is_no_probe(config: Make, changing: dict[str, Any]) -> None:
    still = {"epochs": 4, "frozen_epochs": 4, "augmentation": []}
    assert config(**still).is_probe
    assert not config(**still | changing).is_probe


def test_a_model_of_portrait_images_is_trained_and_predicts(config: Make, trainable: Path) -> None:
    portrait = config(heads=HEADS, image_size=[48, 32], epochs=1)
    train(inputs(trainable), "both", 1, portrait, trainable / "out", quiet)
    assert read_metadata(trainable / "out" / "weights.safetensors").config.input_shape == (48, 32)
    assert predict(trainable, trainable / "out", TTA(flip=True, five_crop=0.8))["mask"].shape == (16, 3)


def test_years_are_learnt_with_their_mean_absolute_error(config: Make, trainable: Path) -> None:
    heads = {"age": {"kind": "regression", "loss": "smooth_l1"}}
    train(inputs(trainable), "years", 0, config(heads=heads, epochs=10), trainable / "out", quiet)
    found = predict(trainable, trainable / "out")
    assert found["age"].shape == (16,)
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert epochs["val_mae"].min() < 8


def test_a_distribution_over_years_is_learnt_with_the_error_of_its_expectation(config: Make, trainable: Path) -> None:
    heads = {"age": {"kind": "distribution"}}
    train(inputs(trainable), "years", 0, config(heads=heads, epochs=12), trainable / "out", quiet)
    found = predict(trainable, trainable / "out", TTA(flip=True))
    assert found["age"].shape == (16, len(YEARS))
    np.testing.assert_allclose(found["age"].sum(axis=1), 1, atol=1e-5)
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    assert epochs["val_mae"].min() < 8
    assert epochs["val_macro_f1"].max() > 0.6


def test_years_are_learnt_by_a_regression_for_each_gender(config: Make, trainable: Path) -> None:
    heads = {"gender": {}, "age": {"kind": "regression", "by": "gender", "weight": 0.1}}
    settings = config(heads=heads, epochs=15, cutmix={"probability": 0.2})
    train(inputs(trainable), "gender_years", 0, settings, trainable / "out", quiet)
    assert load_file(trainable / "out" / "weights.safetensors")["heads.age.weight"].shape[0] == 2
    found = predict(trainable, trainable / "out", TTA(flip=True))
    assert {head: table.shape for head, table in found.items()} == {"gender": (16, 2), "age": (16,)}
    assert pd.read_csv(trainable / "out" / "epochs.csv")["val_age_mae"].min() < 8


def test_a_training_that_diverges_in_spite_of_clip_ends_with_the_message_for_it(config: Make, trainable: Path) -> None:
    settings = config(clip=1, optimizer={"name": "sgd", "learning_rate": 1e30}, precision="32-true")
    with pytest.raises(ModelConfigError) as error:
        train(inputs(trainable), "mask", 0, settings, trainable / "out", quiet)
    assert re.match(r"epoch 1: val_loss is (nan|inf), the training has diverged; lower", str(error.value))
    assert not (trainable / "out").exists()


@pytest.mark.parametrize("settings", [PLAIN, EVERYTHING, AVERAGED], ids=["plain", "everything", "averaged"])
def test_equal_trainings_give_equal_bytes_and_a_killed_one_resumes_to_them(
    config: Make, trainable: Path, settings: dict[str, Any]
) -> None:
    augmented = config(**settings, epochs=4)
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
    for file in ("weights.safetensors", "epochs.csv", "metrics.json"):
        contents = {(trainable / name / file).read_bytes() for name in ("first", "second", "killed")}
        assert len(contents) == 1, file


@pytest.mark.parametrize(
    "settings",
    [
        {"heads": {"age": {"kind": "ordinal"}}},
        {"heads": {"age": {"loss": "arcface"}}},
        {"heads": {"age": {"loss": "soft_f1"}}},
        {"heads": {"age": {"loss": {"name": "mix", "of": ["cross_entropy", "soft_f1"], "weights": [0.7, 0.3]}}}},
        {"heads": {"age": {}}, "sampling": "balanced", "mixup": {"probability": 0.5}, "ema": 0.9},
        {"heads": {"age": {}}, "oversample": {"times": 2}, "cutmix": {"probability": 0.3}},
    ],
    ids=["ordinal", "arcface", "soft F1", "mix", "sampled and averaged", "oversampled and cut"],
)
def test_age_is_learnt_by_many_ways_and_ends_as_probabilities(
    config: Make, trainable: Path, settings: dict[str, Any]
) -> None:
    train(inputs(trainable), "age", 0, config(**settings, epochs=12), trainable / "out", quiet)
    found = predict(trainable, trainable / "out")
    assert found["age"].shape == (16, 3)
    assert (found["age"] >= 0).all()
    np.testing.assert_allclose(found["age"].sum(axis=1), 1, rtol=1e-5)
    assert json.loads((trainable / "out" / "metrics.json").read_text())["macro_f1"] > 0.6


def test_training_stops_when_patience_ends(config: Make, trainable: Path) -> None:
    still = {"name": "sgd", "learning_rate": 1e-12}
    train(
        inputs(trainable),
        "mask",
        0,
        config(optimizer=still, epochs=9, patience=2, select="macro_f1"),
        trainable / "out",
        quiet,
    )
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    best = json.loads((trainable / "out" / "metrics.json").read_text())["epoch"]
    assert len(epochs) == best + 2 < 9
    train(inputs(trainable), "mask", 0, config(optimizer=still, epochs=9), trainable / "patient", quiet)
    assert len(pd.read_csv(trainable / "patient" / "epochs.csv")) == 9


@pytest.mark.parametrize(("select", "best"), [("macro_f1", "argmax"), ("accuracy", "argmax"), ("loss", "argmin")])
def test_the_best_epoch_is_that_of_the_selected_score(config: Make, trainable: Path, select: str, best: str) -> None:
    train(inputs(trainable), "mask", 0, config(epochs=6, select=select), trainable / "out", quiet)
    scores = pd.read_csv(trainable / "out" / "epochs.csv")[f"val_{select}"]
    metrics = json.loads((trainable / "out" / "metrics.json").read_text())
    assert (metrics["epoch"], metrics["epoch_selected_on_val"]) == (getattr(scores, best)() + 1, 1)


@pytest.mark.parametrize("schedule", ["cosine", {"name": "plateau", "patience": 1}])
def test_labels_of_the_held_out_fold_do_not_influence_the_weights(config: Make, trainable: Path, schedule: Any) -> None:
    labels = tables.read(trainable / "labels.parquet", label_table.COLUMNS)
    held_out = tables.read(trainable / "folds.parquet", tables.FOLDS)["fold"] == 0
    settings = config(epochs=6, schedule=schedule)
    for name in ("truth", "lies"):
        if name == "lies":
            labels.loc[held_out, "mask"] = labels.loc[held_out, "mask"].to_numpy()[::-1]
            tables.write(labels, trainable / "labels.parquet")
        train(inputs(trainable), "mask", 0, settings, trainable / name, quiet)
    truth, lies = ((trainable / name / "weights.safetensors").read_bytes() for name in ("truth", "lies"))
    assert truth == lies


def test_every_epoch_has_the_best_scores_so_far_and_the_generalization_gaps(config: Make, trainable: Path) -> None:
    heard: list[Metrics] = []
    train(inputs(trainable), "mask", 0, config(epochs=5), trainable / "out", lambda _, metrics: heard.append(metrics))
    epochs = pd.read_csv(trainable / "out" / "epochs.csv")
    np.testing.assert_allclose(epochs["best_val_macro_f1"], epochs["val_macro_f1"].cummax())
    np.testing.assert_allclose(epochs["best_val_loss"], epochs["val_loss"].cummin())
    for key in ("macro_f1", "loss"):
        np.testing.assert_allclose(epochs[f"gap_{key}"], epochs[f"train_{key}"] - epochs[f"val_{key}"], atol=1e-5)
        assert all({f"gap_{key}", f"best_val_{key}"} <= set(metrics) for metrics in heard)


def test_an_average_that_cannot_act_within_the_training_gives_a_warning(
    config: Make, trainable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for decay, warned in ((0.998, True), (0.5, False)):
        train(inputs(trainable), "mask", 0, config(ema=decay, epochs=4), trainable / f"ema{decay}", quiet)
        assert ("ema 0.998 never acts: in 8 steps its warm-up reaches 0.75" in capsys.readouterr().err) == warned
    train(inputs(trainable), "mask", 0, config(ema=0.75, epochs=4), trainable / "lower", quiet)
    weights = [load_file(trainable / name / "weights.safetensors") for name in ("ema0.998", "lower")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_binary_f1_is_the_f1_of_the_second_class(config: Make, trainable: Path) -> None:
    settings = config(heads={"gender": {}}, epochs=4, select="binary_f1")
    train(inputs(trainable), "gender", 0, settings, trainable / "out", quiet)
    heads = predict(trainable, trainable / "out")
    paths, _ = predictions.read(trainable / "out" / "out_of_fold.parquet")
    labels = tables.read(trainable / "labels.parquet", label_table.COLUMNS).set_index("path")["gender"]
    expected = f1_score(labels[paths] == "female", heads["gender"].argmax(axis=1), average="binary")
    scores = pd.read_csv(trainable / "out" / "epochs.csv")["val_binary_f1"]
    assert scores.max() == pytest.approx(expected)


def test_the_last_epochs_learn_from_the_validation_people_after_they_were_predicted(
    config: Make, trainable: Path
) -> None:
    for name, last in (("without", 0), ("with", 8)):
        settings = config(last_epochs_on_validation=last, epochs=2)
        train(inputs(trainable), "mask", 0, settings, trainable / name, quiet)
    for file in ("epochs.csv", "metrics.json"):
        assert (trainable / "without" / file).read_bytes() == (trainable / "with" / file).read_bytes(), file
    for table in (predict(trainable, trainable / name)["mask"] for name in ("without", "with")):
        np.testing.assert_array_equal(table, predict(trainable, trainable / "without")["mask"])
    held_out = (tables.read(trainable / "folds.parquet", tables.FOLDS)["fold"] == 0).to_numpy()
    masks = tables.read(trainable / "labels.parquet", label_table.COLUMNS)["mask"]
    crops = packed.read(trainable / "crops", "train")[held_out]
    truth = np.array([["worn", "incorrect", "normal"].index(mask) for mask in masks[held_out]])
    likelihoods = [
        Predictor(trainable / name / "weights.safetensors", TTA())(crops)["mask"][range(16), truth].mean()
        for name in ("without", "with")
    ]
    assert likelihoods[1] > likelihoods[0] + 0.1


def test_accumulated_gradients_are_those_of_the_whole_batch(config: Make, trainable: Path) -> None:
    plain: dict[str, Any] = {"backbone": "test_vit", "image_size": 160, "epochs": 1}  # no batch normalisation
    plain |= {"optimizer": {"name": "sgd", "learning_rate": 1e-2}}
    for name, pieces in (("whole", 1), ("pieces", 4)):
        train(inputs(trainable), "mask", 0, config(**plain, accumulate=pieces), trainable / name, quiet)
    whole, parts = (load_file(trainable / name / "weights.safetensors") for name in ("whole", "pieces"))
    assert all(torch.allclose(value, parts[name], atol=1e-6) for name, value in whole.items())


def test_a_row_of_weight_zero_teaches_nothing(config: Make, trainable: Path) -> None:
    labels = tables.read(trainable / "labels.parquet", label_table.COLUMNS)
    folds = tables.read(trainable / "folds.parquet", tables.FOLDS)["fold"]
    for name, lie in (("truth", False), ("lies", True)):
        table = labels.assign(weight=np.where(np.arange(len(labels)) % 4, 1.0, 0.0))
        if lie:
            table.loc[(table["weight"] == 0) & (folds > 0), "mask"] = "normal"
        tables.write(table, trainable / "labels.parquet")
        train(inputs(trainable), "mask", 0, config(), trainable / name, quiet)
    truth, lies = (predict(trainable, trainable / name)["mask"] for name in ("truth", "lies"))
    np.testing.assert_array_equal(truth, lies)


def test_a_training_that_diverges_is_an_error_that_no_checkpoint_keeps(config: Make, trainable: Path) -> None:
    wild = config(optimizer={"name": "sgd", "learning_rate": 1e20, "momentum": 0})
    for _ in range(2):
        with pytest.raises(InputError, match=r"epoch 1: val_loss is nan.*learning_rate 1e\+20"):
            train(inputs(trainable), "mask", 0, wild, trainable / "out", quiet)
    assert not (trainable / "checkpoint.pt").exists()
    assert not (trainable / "out").exists()


def test_a_checkpoint_of_other_code_is_not_continued(
    config: Make, trainable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill(epoch: int, metrics: Metrics) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        train(inputs(trainable), "mask", 0, config(), trainable / "out", kill)
    monkeypatch.setattr("pipeline.modeling.checkpoints.fingerprint", lambda _: "of a changed formula")
    train(inputs(trainable), "mask", 0, config(), trainable / "out", quiet)
    assert "the training starts from the beginning" in capsys.readouterr().out


def test_a_checkpoint_of_other_parameters_is_not_continued(
    config: Make, trainable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill(epoch: int, metrics: Metrics) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        train(inputs(trainable), "mask", 0, config(), trainable / "out", kill)
    train(inputs(trainable), "mask", 0, config(seed=1), trainable / "other", quiet)
    assert (
        "belongs to other data, parameters or code; the training starts from the beginning" in capsys.readouterr().out
    )
    train(inputs(trainable), "mask", 0, config(seed=1), trainable / "undisturbed", quiet)
    assert (trainable / "other" / "epochs.csv").read_bytes() == (trainable / "undisturbed" / "epochs.csv").read_bytes()


def test_a_fold_that_does_not_exist_is_an_error(config: Make, trainable: Path) -> None:
    with pytest.raises(InputError, match=r"fold 7 is not one of \[0, 1, 2\]"):
        train(inputs(trainable), "mask", 7, config(), trainable / "out", quiet)


def test_a_crop_without_a_label_is_an_error(config: Make, trainable: Path) -> None:
    labels = tables.read(trainable / "labels.parquet", label_table.COLUMNS)
    tables.write(labels.iloc[1:], trainable / "labels.parquet")
    with pytest.raises(InputError, match=r"1 crops without label or fold, first person0/normal\.jpg"):
        train(inputs(trainable), "mask", 0, config(), trainable / "out", quiet)
