"""run: how options are read before any stage starts."""

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import tracking
from pipeline.cli import app
from pipeline.foundation.errors import InputError
from pipeline.orchestration import runner

ROOT = Path(__file__).parents[2]
Chosen = tuple[int, Sequence[int], float]  # slots, GPUs, seconds to wait for others


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Chosen]:
    """Invoke `run` and return the arguments of the runner."""
    asked: list[Chosen] = []

    def take(
        slots: int, gpus: Sequence[int], logs: Path, show: Any, targets: Sequence[str], patience: float, imports: Any
    ) -> None:
        asked.append((slots, gpus, patience))

    def run(*words: str) -> Chosen:
        CliRunner().invoke(app.app, ["run", *words], catch_exceptions=False)
        return asked[-1]

    monkeypatch.setenv(tracking.PIPELINE_RUN, "run of the test")
    monkeypatch.setattr(tracking, "prepare", lambda _: None)
    monkeypatch.setattr(runner, "run", take)
    return run


def machine_with(folder: Path, gpus: str) -> str:
    """A PATH with an `nvidia-smi` that lists these GPUs."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{gpus}'\n")
    tool.chmod(0o755)
    return str(folder)


def test_one_stage_at_a_time_by_default(chosen: Callable[..., Chosen]) -> None:
    assert chosen() == (1, [], 0)
    assert chosen("--jobs", "3") == (3, [], 0)


def test_others_at_work_are_waited_for_when_that_is_asked(chosen: Callable[..., Chosen]) -> None:
    assert chosen("--wait") == (1, [], math.inf)


def test_as_many_stages_as_gpus(chosen: Callable[..., Chosen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", machine_with(tmp_path, "0\\n1\\n2\\n"))
    assert chosen("--gpus", "0,2") == (2, [0, 2], 0)
    assert chosen("--gpus", "0,2", "--jobs", "4") == (4, [0, 2], 0)


def test_wrong_parameters_are_reported_before_dvc_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    (tmp_path / "params.yaml").write_text("crop: {shrads: [0]}")
    with pytest.raises(InputError, match=r"crop\.shrads: unknown key; did you mean 'shards'"):
        CliRunner().invoke(app.app, ["run"], catch_exceptions=False)


def test_gpus_that_are_not_there_are_named(
    chosen: Callable[..., Chosen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", machine_with(tmp_path, "0\\n1\\n"))
    with pytest.raises(InputError, match="--gpus 1,2,x: no GPU 2, x here; there are 0, 1"):
        chosen("--gpus", "1,2,x")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="--gpus 0: no GPU 0 here; there are none"):
        chosen("--gpus", "0")
