"""An ensemble of champions: pinned, fetched in place of training, and the same whatever moves later."""

import shutil
from pathlib import Path

import mlflow
import pytest

from pipeline.config import params
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.schema import label_table
from tests.registry.conftest import call

FOLD = Path("models/years/folds/0")
INPUTS = {"crops": "data/crops", "labels": "data/labels.parquet", "folds": "data/folds.parquet"}
OPTIONS = {"model": "years", "fold": "0", **INPUTS, "models": "models", "checkpoints": "checkpoints"}
TRAIN = ["train", *(word for name, value in OPTIONS.items() for word in (f"--{name}", value))]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_champion_is_pinned_and_fetched_in_place_of_training(workspace: Path) -> None:
    file = workspace / "params.yaml"
    file.write_text(file.read_text().replace("  years:\n", "  years: # the best that we have\n"))
    call("register")
    with pytest.raises(InputError, match=r"models without a champion[\s\S]*mga-face\n[\s\S]*mga-years"):
        call("compose")
    call("promote", "--model", "mga-years")
    before = file.read_text()
    assert "models.years is pinned to models:/mga-years/1" in call("compose", "years")
    pinned = params.load().models["years"].pinned
    assert pinned is not None
    assert set(pinned.folds) == {0, 1}
    kept = {line.removesuffix(" null").rstrip() for line in file.read_text().splitlines()}
    assert set(before.splitlines()) - kept == set(), "comments and settings stay"

    gives_back_an_entry_that_was_changed(file)

    trained = contents(FOLD)
    shutil.rmtree(FOLD)
    client = mlflow.MlflowClient()
    client.delete_registered_model_alias("mga-years", "champion")  # what is pinned does not follow the alias
    assert "fetched from mga-years version 1" in call(*TRAIN)
    assert contents(FOLD) == trained
    refuses_what_was_not_pinned(file)
    refuses_other_data()
    refuses_an_entry_of_another_program()


def gives_back_an_entry_that_was_changed(file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace("loss: smooth_l1", "loss: mse"))
    call("compose", "years")
    assert params.load().models["years"].heads["age"].loss.name == "smooth_l1"
    file.write_text(text)


def refuses_what_was_not_pinned(file: Path) -> None:
    pinned = params.load().models["years"].pinned
    assert pinned is not None
    text = file.read_text()
    file.write_text(text.replace(pinned.folds[0], "f" * 64))
    with pytest.raises(InputError, match="the files of fold 0 are not those that"):
        call(*TRAIN)
    file.write_text(text)


def refuses_other_data() -> None:
    labels = Path("data/labels.parquet")
    tables.write(label_table.read(labels).assign(gender="male"), labels)
    with pytest.raises(InputError, match=r"trained on other data[\s\S]*data_labels"):
        call(*TRAIN)


def refuses_an_entry_of_another_program() -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("mga-years", "champion", "1")
    client.log_text(client.get_model_version("mga-years", "1").run_id or "", '{"epohs": 1}', "evidence/config.json")
    with pytest.raises(InputError, match=r"mga-years version 1: its model configuration is not valid here[\s\S]*epohs"):
        call("compose", "years")


def test_a_pinned_model_is_neither_refitted_nor_short_of_folds(workspace: Path) -> None:
    pin = "\n    pinned: {version: 'models:/mga-years/1', folds: {0: abc}}"
    file = workspace / "params.yaml"
    text = file.read_text().replace("  years:\n", f"  years:{pin}\n")
    file.write_text(text.replace("refit:\n  models: []", "refit:\n  models: [years]"))
    with pytest.raises(InputError, match=r"'years' is pinned[\s\S]*no fold 1 in models:/mga-years/1"):
        params.load()
