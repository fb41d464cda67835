"""pseudo_label: training also on eval photos with the model's own labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.formats import tables
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.config.stages import PseudoLabel
from pipeline.modeling.pseudo_labels import Teacher
from pipeline.modeling.training import Inputs
from pipeline.modeling.weights import read_metadata
from pipeline.schema import label_table, predictions
from pipeline.stages.infer import infer
from pipeline.stages.pseudo_label import pseudo_label
from pipeline.stages.train import train

Make = Callable[..., ModelConfig]
FILES = ("weights.safetensors", "epochs.csv", "metrics.json")


def quiet(epoch: int, metrics: Metrics) -> None:
    """Say nothing."""


def inputs(folder: Path) -> Inputs:
    return Inputs(folder / "crops", folder / "labels.parquet", folder / "folds.parquet", folder / "checkpoint.pt")


def learn(folder: Path, config: ModelConfig, name: str, teacher: Teacher) -> Path:
    pseudo_label(inputs(folder), teacher, "mask", 1, config, folder / name, quiet)
    predict(folder, folder / name)
    return folder / name


def predict(folder: Path, output: Path) -> None:
    infer(output / "weights.safetensors", folder / "crops", folder / "folds.parquet", TTA(), output)


def lie(folder: Path) -> tuple[Path, np.typing.NDArray[np.int64]]:
    """A teacher that is sure of the wrong mask of every eval image, and what it says."""
    truth = tables.read(folder / "labels.parquet", label_table.COLUMNS)["mask"].map(
        {"worn": 0, "incorrect": 1, "normal": 2}
    )
    wrong = (truth.to_numpy(np.int64)[::-1][:8] + 1) % 3
    images = tables.read(folder / "crops" / "eval.parquet", {"path": "text"})["path"]
    predictions.write(folder / "lie.csv", images, {"mask": np.eye(3)[wrong]})
    return folder / "lie.csv", np.asarray(wrong, np.int64)


def test_without_a_label_that_joins_no_byte_changes_and_the_run_says_so(
    config: Make, trainable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trainable / "first"
    train(inputs(trainable), "mask", 1, config(), first, quiet)
    predict(trainable, first)
    second = learn(trainable, config(), "second", Teacher(first / "eval.parquet", share=0, weight=0.5))
    for file in FILES:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    assert not (first / "pseudo_labels.csv").exists()
    assert len(pd.read_csv(second / "pseudo_labels.csv")) == 0
    assert "no eval photo joins" in capsys.readouterr().out


def test_label_smoothing_lets_as_many_photos_join_as_certainty(
    config: Make, trainable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = lie(trainable)
    paths, heads = predictions.read(path)
    joined = []
    for smoothing in (0, 0.1):
        predictions.write(path, paths, {"mask": (1 - smoothing) * heads["mask"] + smoothing / 3})
        output = learn(trainable, config(epochs=1), f"smooth{smoothing}", Teacher(path, share=0.5, weight=1))
        joined.append(list(pd.read_csv(output / "pseudo_labels.csv")["path"]))
    assert joined[0] == joined[1]
    assert len(joined[0]) == 5
    assert capsys.readouterr().out.count("5 of 8 eval photos join as pseudo labels") == 2


def test_pseudo_labels_are_learnt_as_far_as_they_weigh(config: Make, trainable: Path) -> None:
    path, wrong = lie(trainable)
    agreement = {}
    for name, weight in {"light": 1e-6, "heavy": 50.0}.items():
        output = learn(trainable, config(epochs=15), name, Teacher(path, share=1, weight=weight))
        agreement[name] = (predictions.read(output / "eval.parquet")[1]["mask"].argmax(axis=1) == wrong).mean()
        joined = pd.read_csv(output / "pseudo_labels.csv")
        assert len(joined) == 8
        assert (joined["weight"] == weight).all()
    assert agreement["heavy"] > agreement["light"] + 0.4


def test_the_held_out_fold_stays_held_out(config: Make, trainable: Path) -> None:
    path, _ = lie(trainable)
    output = learn(trainable, config(), "out", Teacher(path, share=1, weight=1))
    folds = tables.read(trainable / "folds.parquet", tables.FOLDS)
    assert predictions.read(output / "out_of_fold.parquet")[0] == list(folds.loc[folds["fold"] == 1, "path"])


@pytest.mark.parametrize("sampling", ["balanced", "weighted"])
def test_pseudo_labels_may_be_sampled_by_class(config: Make, trainable: Path, sampling: str) -> None:
    path, _ = lie(trainable)
    output = learn(trainable, config(sampling=sampling, epochs=1), "out", Teacher(path, share=1, weight=1))
    assert (output / "weights.safetensors").exists()


def test_a_student_with_another_backbone_learns_the_probabilities_of_its_teacher(config: Make, trainable: Path) -> None:
    images = tables.read(trainable / "crops" / "eval.parquet", {"path": "text"})["path"]
    unsure = np.tile([0.1, 0.5, 0.4], (len(images), 1))
    predictions.write(trainable / "teacher.parquet", images, {"mask": unsure})
    settings = PseudoLabel(targets="soft", student={"backbone": "test_efficientnet", "epochs": 25})
    found = {}
    for name, soft in (("soft", True), ("hard", False)):
        teacher = Teacher(trainable / "teacher.parquet", share=1, weight=50, soft=soft)
        output = learn(trainable, settings.config(config()), name, teacher)
        assert read_metadata(output / "weights.safetensors").config.backbone == "test_efficientnet"
        found[name] = predictions.read(output / "eval.parquet")[1]["mask"]
    apart = {name: np.abs(table - unsure).mean() for name, table in found.items()}
    assert apart["soft"] < 0.5 * apart["hard"]
