"""Several GPUs: here two processes of the CPU, each with half of every batch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pytest
from ruamel.yaml import YAML

from pipeline import predictions

ROOT = Path(__file__).parents[2]
ON = """
import sys
sys.path.insert(0, "{root}")
from pipeline.vision import accelerators
accelerators.count = lambda: {count}
from pipeline.__main__ import main
main()
"""
FACE = {  # no batch normalisation, whose statistics are of a process's own share
    "backbone": "test_vit",
    "pretrained": False,
    "image_size": 160,
    "heads": {"mask": {}},
    "epochs": 2,
    "batch_size": 16,
    "optimizer": {"name": "adamw", "learning_rate": 1e-3},
}


def trained_on(count: int, folder: Path) -> tuple[dict[str, Any], str]:
    """Predictions for the held-out fold, and the metrics by epoch, after a training on so many devices."""
    settings = YAML().load((ROOT / "params.yaml").read_text())
    YAML().dump(settings | {"models": settings["models"] | {"mask": FACE}}, folder / "params.yaml")
    script, output = folder / f"on_{count}.py", folder / f"out{count}"
    script.write_text(ON.format(root=ROOT, count=count))
    options = {"crops": "crops", "labels": "labels.csv", "folds": "folds.csv", "checkpoint": "resume.pt"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, script, "train", "mask", "0", *words, "--output", output],
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, said = predictions.read(output / "out_of_fold.csv")
    return said, (output / "epochs.csv").read_text()


def table(text: str) -> npt.NDArray[np.float64]:
    return np.genfromtxt(text.splitlines(), delimiter=",", skip_header=1)


def test_two_processes_learn_what_one_learns(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (alone, epochs), (shared, epochs_shared) = trained_on(1, trainable), trained_on(2, trainable)
    assert np.allclose(alone["mask"], shared["mask"], atol=1e-4)
    assert np.allclose(table(epochs), table(epochs_shared), rtol=1e-3)
    runs = mlflow.MlflowClient(f"sqlite:///{trainable}/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2, "one run a training, not one a process"
