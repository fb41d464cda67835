"""Which stage runs in which image, and that no stage of the slim one needs what the whole one adds."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.stages import in_networks
from pipeline.orchestration import graph
from tests.server import tiny
from tests.support.workspace import ROOT

RUN = """
import json, shlex, sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *place):
        return None if name.partition(".")[0] in json.loads(sys.argv[1]) else self.finder.find_spec(name, *place)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Without, sys.meta_path)
import pipeline.orchestration.kubeflow.ending, pipeline.orchestration.kubeflow.task  # what the tasks themselves run
from pipeline.cli.app import app
for command in json.loads(sys.argv[2]):
    app(shlex.split(command)[3:], standalone_mode=False)
"""

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def added() -> list[str]:
    """The modules of the packages that only the whole image has: those of the extra `networks`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(each).name) for each in project["optional-dependencies"]["networks"]}
    found = packages_distributions()
    return [name for name, parts in found.items() if wanted & {canonicalize_name(part) for part in parts}]


def test_tasks_and_the_stages_of_the_slim_image_run_without_the_networks(tmp_path: Path) -> None:
    root = tiny.project(tmp_path)
    tiny.run(root)
    stages = list(graph.read(root).values())
    slim = [stage for stage in stages if not in_networks(stage.code)]
    assert {stage.kind for stage in slim} >= {"sample", "relabel", "pack", "split", "ensemble", "submit", "report"}
    assert "torch" in added()
    given = [json.dumps(added()), json.dumps([stage.command for stage in slim])]
    done = subprocess.run([sys.executable, "-c", RUN, *given], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
