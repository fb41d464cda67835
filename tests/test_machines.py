"""Nothing that a stage writes depends on the machine: its cores, locale, time zone, hash seed, umask, file order."""

import hashlib
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.evaluation.report import written
from tests.support.workspace import PARAMS, copy

SCRIPT = Path(__file__).parent / "support" / "machine.py"
SMALL: dict[str, Any] = PARAMS | {"sample": {"people": 24, "eval_people": 1, "seed": 777}}
MACHINES = {
    "one core": ("1", "rising", "077", {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "1"}),
    "two cores": ("2", "falling", "022", {"LC_ALL": "C.UTF-8", "TZ": "Asia/Seoul", "PYTHONHASHSEED": "2"}),
    "sixteen cores": ("16", "rising", "002", {"LC_ALL": "POSIX", "TZ": "America/Caracas", "PYTHONHASHSEED": "3"}),
}


def start(root: Path, cores: str, order: str, umask: str, settings: dict[str, str]) -> "subprocess.Popen[str]":
    """Run all stages in a workspace, on a core of its own where one core is asked for."""
    copy(root)
    YAML().dump(SMALL, root / "params.yaml")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "OMP_", "MLFLOW_"))}
    environment |= {"PYTHONPATH": str(root), "OPENCV_FOR_THREADS_NUM": cores, "DVC_NO_ANALYTICS": "1", **settings}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), cores, order],
        cwd=root,
        env=environment,
        umask=int(umask, 8),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=(lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})) if cores == "1" else None,
    )


def digests(root: Path) -> dict[str, str]:
    """Of every file that stages wrote, but for the one that says when."""
    files = (file for folder in ("data", "models", "results") for file in (root / folder).rglob("*"))
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file() and file.name != written.BESIDE
    }


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The digests of all outputs, by the name of the machine."""
    roots = {name: tmp_path_factory.mktemp(name.replace(" ", "_")) for name in MACHINES}
    with ExitStack() as stack:
        running = {name: stack.enter_context(start(roots[name], *machine)) for name, machine in MACHINES.items()}
        for name, process in running.items():
            output, _ = process.communicate()
            assert process.returncode == 0, f"{name}: {output}"
    return {name: digests(root) for name, root in roots.items()}


@pytest.mark.parametrize("machine", ["two cores", "sixteen cores"])
def test_every_file_has_the_bytes_that_one_core_gives(outputs: dict[str, dict[str, str]], machine: str) -> None:
    expected, found = outputs["one core"], outputs[machine]
    assert len(expected) > 200
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
