"""A training that a local backend of Kubeflow's SDK starts, and what one process learns from the same data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli.app import app
from tests.support.workspace import ROOT, VIT

OUTPUT = Path("mask", "folds", "0")


def training(given: dict[str, list[str]]) -> None:
    """What a backend runs: the source of a function, as a script of its own."""
    import os
    import runpy
    import sys

    (folder, code), sys.argv = given["folders"], given["words"]
    os.chdir(folder)
    sys.path.insert(0, code)
    runpy.run_module("pipeline", run_name="__main__")


def arguments(folder: str, code: str) -> dict[str, Sequence[str]]:
    """The argument of `training`: it trains in a folder, with the program that another one has."""
    return {"folders": [folder, code], "words": ["pipeline", *_words("together")]}


def configure(folder: Path) -> None:
    """Add params.yaml to a folder with crops, labels and folds."""
    settings: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
    YAML().dump(settings | {"models": settings["models"] | {"mask": VIT | {"epochs": 1}}}, folder / "params.yaml")


def epochs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The epochs of `training` in a folder, and those of the same training in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/alone.db")
    alone = CliRunner().invoke(app, _words("alone"), catch_exceptions=False)
    assert alone.exit_code == 0, alone.output
    together, one = (pd.read_csv(folder / models / OUTPUT / "epochs.csv") for models in ("together", "alone"))
    return together, one


def _words(models: str) -> list[str]:
    inputs = ["--crops", "crops", "--labels", "labels.parquet", "--folds", "folds.parquet"]
    return ["train", "--model", "mask", "--fold", "0", *inputs, "--models", models, "--checkpoints", f"{models}-kept"]
