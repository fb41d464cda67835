"""dvc.yaml names the code that every stage runs: all of its import closure, and hardly anything else."""

import ast
import shlex
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline.cli.app import app
from pipeline.foundation.code import closure

ROOT = Path(__file__).parents[1]
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
FREE = Path("pipeline", "foundation")  # cannot change a result: tests/foundation/test_foundation.py
MOST_IN_VAIN = 0.1  # of the lines that a stage names


def command(stage: str) -> str:
    return shlex.split(STAGES[stage]["cmd"])[3]


def named(stage: str) -> dict[str, set[Path]]:
    """The files of code below every dependency of a stage."""
    found = {path: ROOT / path for path in STAGES[stage]["deps"] if path.startswith("pipeline/")}
    return {
        path: {file.relative_to(ROOT) for file in ([place] if place.is_file() else place.rglob("*")) if is_code(file)}
        for path, place in found.items()
    }


def is_code(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and lines(file) > 1


def lines(file: Path) -> int:
    return len((ROOT / file).read_text().splitlines())


def executed(stage: str) -> set[Path]:
    files = closure(Path("pipeline", "stages", f"{command(stage)}.py"), ROOT)
    return {file for file in files if FREE not in file.parents and is_code(ROOT / file)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_all_code_that_it_runs(stage: str) -> None:
    lacking = executed(stage) - set().union(*named(stage).values())
    assert not lacking, f"dvc.yaml: stage {stage}: add {', '.join(sorted(map(str, lacking)))} to its deps"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_no_code_that_it_does_not_run(stage: str) -> None:
    files, runs = named(stage), executed(stage)
    strange = [path for path, below in files.items() if not below & runs]
    assert not strange, f"dvc.yaml: stage {stage}: nothing of {', '.join(strange)} is run"
    everything = set().union(*files.values())
    vain = {file: lines(file) for file in everything - runs}
    share = sum(vain.values()) / sum(map(lines, everything))
    assert share <= MOST_IN_VAIN, f"dvc.yaml: stage {stage}: {share:.0%} is named in vain: {sorted(map(str, vain))}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_file_of_its_own(stage: str) -> None:
    assert f"pipeline/stages/{command(stage)}.py" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_of_a_stage_exists(stage: str) -> None:
    assert command(stage) in get_command(app).commands  # type: ignore[attr-defined]  # a group of commands


def test_no_two_classes_have_one_name() -> None:
    names = [
        node.name
        for file in sorted((ROOT / "pipeline").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name, count in Counter(names).items() if count > 1] == []
