"""No package sends usage statistics unless somebody wants it to."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.foundation import processes, telemetry

ROOT = Path(__file__).parents[2]
ASK = """
import json
from pipeline.foundation import telemetry
telemetry.switch_off()
import dvc.analytics, huggingface_hub.constants, mlflow.telemetry.utils
print(json.dumps([
    mlflow.telemetry.utils.is_telemetry_disabled(),
    not dvc.analytics.is_enabled(),
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY,
]))
"""
TESTS = ("CI", "PYTEST", "GITHUB", "DVC_TEST")  # where MLflow and DVC send nothing anyway


def asked(folder: Path, **environment: str) -> list[bool]:
    """Whether MLflow, DVC and Hugging Face's hub are silent in a process on a user's machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*TESTS, *telemetry.OFF))}
    command = [sys.executable, "-W", "ignore", "-c", ASK]
    settings = kept | {"PYTHONPATH": str(ROOT), "HOME": str(folder)} | environment
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=True)
    answers: list[bool] = json.loads(done.stdout)
    return answers


def test_the_packages_themselves_say_that_they_send_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path) == [True, True, True]


def test_it_can_be_switched_on(tmp_path: Path) -> None:
    wanted = dict.fromkeys(telemetry.OFF, "false") | {"DVC_NO_ANALYTICS": ""}  # to DVC any word means yes
    assert asked(tmp_path, **wanted) == [False, False, False]


def test_stages_start_without_it_and_the_users_own_word_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in telemetry.OFF:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "")
    assert {name: processes.environment()[name] for name in telemetry.OFF} == telemetry.OFF | {"DVC_NO_ANALYTICS": ""}


def test_the_images_and_make_switch_off_the_same() -> None:
    image = re.findall(r"\b(\w+)=true\b", (ROOT / "Dockerfile").read_text())
    assert set(image) == set(telemetry.OFF)
    assert set(re.findall(r"^export (\w+) \?= true$", (ROOT / "Makefile").read_text(), re.MULTILINE)) == set(
        telemetry.OFF
    )
    serve = (ROOT / "mlflow" / "serve").read_text()
    assert set(re.findall(r"\$\{(\w+):=true\}", serve)) == {"DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"}
