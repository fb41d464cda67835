"""Experiments of DVC that run in a copy of the project: their data.root is absolute, or refused with the remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dataset import DataSet
from tests.support.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    DataSet(tmp_path / "photos")
    return Workspace(tmp_path / "project")


def experiment(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", *arguments]
    return subprocess.run(
        command, cwd=workspace.root, env=workspace.environment(), capture_output=True, text=True, check=False
    )


def test_a_relative_root_is_refused_with_the_absolute_one(workspace: Workspace) -> None:
    done = experiment(workspace, "-S", "data.root=../photos", "sample")
    assert done.returncode != 0
    photos = workspace.root.parent / "photos"
    assert "data.root ../photos is relative, and DVC runs this experiment in a copy of the project" in done.stderr
    assert f"dvc exp run -S data.root={photos}" in done.stderr


def test_an_absolute_root_works(workspace: Workspace) -> None:
    done = experiment(workspace, "-S", f"data.root={workspace.root.parent / 'photos'}", "relabel")
    assert done.returncode == 0, done.stderr
    assert "Ran experiment" in done.stdout
