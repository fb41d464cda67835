"""`compare` on the command line: what it refuses before anything runs."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.foundation.errors import InputError

ROOT = Path(__file__).parents[2]


def test_two_files_of_one_name_are_refused_as_they_would_show_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "mine").mkdir()
    shutil.copy("recipes/ours.yaml", "mine/ours.yaml")
    with pytest.raises(InputError, match=r"share a folder.*\(2\):\n  recipes/ours.yaml runs in compare/ours-"):
        CliRunner().invoke(app, ["compare", "ours", "sample", "mine/ours.yaml"], catch_exceptions=False)
    assert not Path("compare").exists()
