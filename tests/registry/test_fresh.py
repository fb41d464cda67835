"""A registered model in an environment made from its own requirements, far from the project; `make test-model`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.artifacts import download_artifacts

from pipeline.schema.schema import SCHEMA
from tests.registry.conftest import call, probabilities

pytestmark = pytest.mark.skipif("FRESH_ENVIRONMENT" not in os.environ, reason="installs torch anew: make test-model")

SCRIPT = """
import sys
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
assert sys.modules["pipeline"].__file__.startswith(sys.argv[1]), "the code is the model's own"
model.predict(sys.argv[3:]).to_csv(sys.argv[2], index=False)
"""


def run(*command: str | Path, folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_answers_the_same_with_nothing_but_itself(
    workspace: Path, photos: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    call("register")
    away = tmp_path_factory.mktemp("away")
    model = Path(download_artifacts("models:/mga@challenger", dst_path=str(away / "model")))
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, away / "venv", folder=away)
    python = away / "venv" / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--python", python, "-r", model / "requirements.txt", folder=away)
    run(python, "-I", "-c", SCRIPT, model, away / "answers.csv", *photos, folder=away)
    answers = pd.read_csv(away / "answers.csv")
    expected = probabilities(workspace).loc[[path.name for path in photos], SCHEMA.class_names]
    np.testing.assert_allclose(answers[SCHEMA.class_names], expected, atol=1e-5)
