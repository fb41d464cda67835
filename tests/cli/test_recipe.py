"""`recipe` on the command line."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.modeling.members import Member

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copy(tmp_path / "recipes" / "sample.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> list[str]:
    result = CliRunner().invoke(app, ["recipe", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_list_describes_every_recipe_in_one_line_of_80_columns() -> None:
    lines = run("list")
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(list(Path("recipes").iterdir()))
    assert any(line.startswith("r1-podium-b3") and "three EfficientNet-B3" in line for line in lines)


def test_show_prints_the_file() -> None:
    assert "\n".join(run("show", "ours")) + "\n" == Path("recipes/ours.yaml").read_text()


def test_diff_compares_recipes_and_params_files() -> None:
    assert "crop.size: 72 -> 380" in run("diff", "sample", "c-champion")
    assert run("diff", "sample", "params.yaml") == ["the same parameters"]


def test_use_prints_what_changed_and_names_trainings_of_the_former_recipe(workspace: Path) -> None:
    member = Member(workspace / "models", "mask", 0)
    member.folder.mkdir(parents=True)
    member.weights.touch()
    lines = run("use", "r4-resnet18-focal")
    assert "crop.size: 72 -> 224" in lines
    assert "params.yaml: now r4-resnet18-focal; data and kubeflow are unchanged (data.root data/sample)" in lines
    assert lines[-1].startswith(
        "models: holds trainings of the former recipe (mask). The next `dvc repro` removes them"
    )
    assert run("use", "r4-resnet18-focal")[0] == "the same parameters as before"
