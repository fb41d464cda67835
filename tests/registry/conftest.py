"""A tiny pipeline that has run to its end, and a registry of its own."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import params
from pipeline.dataset.layout import eval_photos
from pipeline.ensembling.members import EnsembleMembers
from pipeline.modeling.members import Member
from pipeline.modeling.training import Inputs
from pipeline.stages.crop import crop
from pipeline.stages.ensemble import ensemble
from pipeline.stages.infer import infer
from pipeline.stages.pack import pack
from pipeline.stages.relabel import relabel
from pipeline.stages.sample import sample
from pipeline.stages.split import split
from pipeline.stages.train import train
from tests.support.mlflow_server import forget

ENTRY = {
    "backbone": "test_resnet",
    "pretrained": False,
    "image_size": 32,
    "epochs": 1,
    "optimizer": {"name": "adamw", "learning_rate": 3e-3},
}
PARAMS = {
    "data": {"root": "data/sample"},
    "sample": {"people": 24, "eval_people": 4, "seed": 1},
    "relabel": {"fixes": []},
    "crop": {"size": 32},
    "split": {"folds": 2},
    "train": {"models": ["face", "years"], "folds": [0, 1]},
    "refit": {"models": [], "epochs": {}, "validation": None, "soup": []},
    "models": {
        "face": ENTRY | {"heads": {"mask": {}, "gender": {"loss": "focal"}}},
        "years": ENTRY | {"heads": {"age": {"kind": "regression", "loss": "smooth_l1"}}},
    },
    "tta": {"face": {"flip": True}, "years": {}},
    "ensemble": {"systems": [["face", "years"]], "calibrate": True, "class_bias": True},
    "submission": {"name": "submission"},
}
LOCK = {
    "schema": "2.0",
    "stages": {"relabel": {"cmd": "relabel", "deps": [{"path": "data/sample/train", "hash": "md5", "md5": "abc.dir"}]}},
}


def make(root: Path) -> None:
    """Run all stages in a folder, in this process."""
    YAML().dump(PARAMS, root / "params.yaml")
    YAML().dump(LOCK, root / "dvc.lock")
    (root / "fixes").mkdir()
    with chdir(root):
        read, photos, labels, folds = (
            params.load(),
            Path("data/sample"),
            Path("data/labels.parquet"),
            Path("data/folds.parquet"),
        )
        sample(photos, read.sample)
        relabel(photos, Path("fixes"), labels, read.relabel)
        crop(0, photos, labels, Path("data/crops"), read.crop)
        pack(Path("data/crops"), read.crop)
        split(labels, Path("fixes"), folds, Path("data/classes.csv"), Path("data/classes.png"), read.split)
        for name, config in read.models.items():
            for fold in read.train.folds:
                inputs = Inputs(Path("data/crops"), labels, folds, Path("checkpoint.pt"))
                member = Member(Path("models"), name, fold)
                train(inputs, name, fold, config, member.folder, lambda *_: None)
                infer(member.weights, inputs.crops, folds, read.tta[name], member.predictions)
        members_named = EnsembleMembers(Path("models"), read.train.models, read.train.folds)
        ensemble(members_named, Path("data/crops"), labels, folds, Path("results/ensemble"), read.ensemble)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything has run; nobody changes it."""
    root = tmp_path_factory.mktemp("made")
    make(root)
    return root


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty registry, in whose folder the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    yield
    forget()


@pytest.fixture
def workspace(made: Path, registry: None, tmp_path: Path) -> Path:
    """The present folder, in which everything has run and nothing is registered."""
    copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def photos(made: Path) -> list[Path]:
    """The eval photos, in the order of info.csv."""
    return [made / "data/sample/eval/images" / name for name in eval_photos(made / "data/sample")]


def probabilities(root: Path) -> pd.DataFrame:
    """What the ensemble answered, by the eval photo's name."""
    return pd.read_parquet(root / "results/ensemble/eval_probabilities.parquet").set_index("path")


def call(*words: str, fails: bool = False) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=fails, env={"COLUMNS": "160"})
    assert (result.exit_code != 0) == fails, result.output
    return result.output
