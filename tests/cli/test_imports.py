"""A command imports the heavy libraries that it uses, and no others: what `--help` and light stages wait for."""

import json
import subprocess
import sys
from collections.abc import Collection

import pytest

HEAVY = (
    "albumentations",
    "cleanlab",
    "cv2",
    "dvc",
    "jinja2",
    "kfp",
    "lightning_fabric",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "PIL",
    "pyarrow",
    "pydantic",
    "ruamel.yaml",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "timm",
    "torch",
    "torchvision",
)
TABLES = {"numpy", "pandas", "pyarrow"}  # pandas imports pyarrow
NETWORKS = {*TABLES, "PIL", "cv2", "pydantic", "torch", "torchvision"}
TRAINING = {*NETWORKS, "albumentations", "lightning_fabric", "scipy", "timm"}
STAGES = {
    "sample": {*TABLES, "PIL", "cv2", "pydantic"},
    "relabel": {*TABLES, "PIL", "pydantic"},
    "crop": NETWORKS,
    "pack": {*TABLES, "PIL", "pydantic"},
    "split": {*TABLES, "PIL", "matplotlib", "pydantic"},
    "train": TRAINING,
    "infer": TRAINING,
    "ensemble": {*TABLES, "PIL", "matplotlib", "pydantic"},
    "submit": {*TABLES, "PIL"},
    "report": {*TABLES, "PIL", "jinja2", "matplotlib", "pydantic"},
}


def imported(code: str) -> set[str]:
    """The heavy libraries that a new process has imported after it ran `code`."""
    script = f"{code}\nimport json, sys\nsys.stderr.write('|' + json.dumps([x for x in {HEAVY} if x in sys.modules]))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stderr.rpartition("|")[2]))


def ran(*words: str) -> str:
    return f"""
import sys
sys.argv = {["pipeline", *words]}
from pipeline.cli.app import main
try:
    main()
except SystemExit:
    pass
"""


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["kubeflow", "submit", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    assert imported(ran(*words)) <= {"pydantic"}  # by typer itself, for the options of a command


def test_a_command_that_reads_only_parameters_imports_only_their_readers() -> None:
    assert imported(ran("recipe", "list")) <= {"PIL", "numpy", "pydantic", "ruamel.yaml"}


def test_a_task_on_kubeflow_imports_only_kfp_before_it_opens_its_workspace() -> None:
    assert imported("import pipeline.orchestration.kubeflow.task") <= {"kfp", "pydantic", "ruamel.yaml"}


@pytest.mark.parametrize(("stage", "libraries"), STAGES.items())
def test_a_stage_imports_the_libraries_that_it_uses(stage: str, libraries: Collection[str]) -> None:
    assert imported(f"import pipeline.stages.{stage}") <= {*libraries}
