"""Several GPUs: here two processes of the CPU, each with half of every batch."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.formats import tables
from pipeline.modeling.config import TTA
from pipeline.modeling.members import Member
from pipeline.schema import label_table, predictions
from pipeline.stages.infer import infer
from tests.support.workspace import ROOT, VIT

ON = """
import sys
from itertools import count
sys.path.insert(0, "{root}")
from pipeline.modeling import devices, loop
devices.count = lambda: {count}
loop.perf_counter = count().__next__  # an epoch takes a second
from pipeline.__main__ import main
main()
"""
FACE = VIT | {"epochs": 2}


def trained_on(count: int, folder: Path, **changes: Any) -> tuple[dict[str, Any], str, str]:
    """Predictions for the held-out fold, the metrics by epoch, and what was said in training on so many devices."""
    settings = YAML().load((ROOT / "params.yaml").read_text())
    YAML().dump(settings | {"models": settings["models"] | {"mask": FACE | changes}}, folder / "params.yaml")
    script, models = folder / f"on_{count}.py", folder / f"models{count}"
    output = Member(models, "mask", 0).folder
    script.write_text(ON.format(root=ROOT, count=count))
    options = {"crops": "crops", "labels": "labels.parquet", "folds": "folds.parquet", "checkpoints": "checkpoints"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, script, "train", "--model", "mask", "--fold", "0", *words, "--models", models],
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    infer(output / "weights.safetensors", folder / "crops", folder / "folds.parquet", TTA(), output)
    _, predicted = predictions.read(output / "out_of_fold.parquet")
    return predicted, (output / "epochs.csv").read_text(), done.stdout


def table(text: str) -> npt.NDArray[np.float64]:
    return np.genfromtxt(text.splitlines(), delimiter=",", skip_header=1)


def test_two_processes_learn_what_one_learns(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (alone, epochs, said), (shared, epochs_shared, said_shared) = (trained_on(count, trainable) for count in (1, 2))
    assert np.allclose(alone["mask"], shared["mask"], atol=1e-4)
    assert np.allclose(table(epochs), table(epochs_shared), rtol=1e-3)
    assert all(text.count("images/s 32") == 2 for text in (said, said_shared)), "all images, counted once"
    runs = mlflow.MlflowClient(f"sqlite:///{trainable}/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2, "one run a training, not one a process"


def test_all_processes_validate_the_weights_that_are_kept(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of seven: one process has two pieces to train on, the other one, and each its own batch statistics."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    changes = {"backbone": "test_resnet", "image_size": 32, "batch_size": 7, "accumulate": 2, "ema": 0.5}
    predicted, epochs, _ = trained_on(2, trainable, **changes)
    folds = tables.read(trainable / "folds.parquet", tables.FOLDS)["fold"]
    masks = tables.read(trainable / "labels.parquet", label_table.COLUMNS)["mask"][folds == 0]
    truth = masks.map({"worn": 0, "incorrect": 1, "normal": 2}).to_numpy()
    loss = -np.log(predicted["mask"][range(len(truth)), truth]).mean()
    assert pd.read_csv(StringIO(epochs))["val_loss"].iloc[-1] == pytest.approx(loss, rel=1e-4)
