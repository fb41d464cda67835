"""workspace: a workspace has code and parameters but no data; overrides change values and never the graph."""

import logging
import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph
from pipeline.orchestration.workspace import repository, scratch
from tests.support.shell import Project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def test_a_workspace_has_code_and_parameters_and_no_data_and_goes_away(project: Project) -> None:
    for path in ("data/sample/seed", "models/a.txt", "pipeline/__pycache__/code.pyc", "secret"):
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).touch()
    with scratch("s3://bucket/folder", project=project.root) as root:
        files = {path.relative_to(root).as_posix() for path in root.rglob("*") if ".dvc" not in path.parts}
        assert files - {"pipeline"} == {"dvc.yaml", "params.yaml", ".dvcignore", "pipeline/code.py"}
        assert graph.read(root) == graph.read(project.root)
    assert not root.exists()


def test_dvc_logs_no_welcome_for_a_temporary_repository(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dvc"), scratch("remote", project=project.root):
        pass
    assert caplog.text == ""


def test_overrides_change_parameters_as_dvc_exp_run_does(project: Project) -> None:
    with scratch("remote", ["rates.b=0.3", "+rates.c=1"], project=project.root) as root:
        params = YAML(typ="safe").load(root / "params.yaml")
    assert params["rates"] == {"a": 0.1, "b": 0.3, "c": 1}
    assert YAML(typ="safe").load(project.root / "params.yaml")["rates"] == {"a": 0.1, "b": 0.2}


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("models=[a]", "stage fit@b is gone"),
        ("models=[a,b,c]", "stage fit@c is new"),
        ("seed=2", "stage draw differs in command"),
        ("rate.b=1", "Could not override 'rate.b'"),
        ("rates.b", "missing EQUAL"),
        ("dvc.yaml:stages.draw.cmd=x", "only params.yaml has parameters"),
    ],
)
def test_an_override_that_names_no_parameter_or_changes_the_graph_is_refused(
    project: Project, override: str, fault: str
) -> None:
    with pytest.raises(InputError, match=fault), scratch("remote", [override], project=project.root):
        pass


@pytest.mark.parametrize("dependency", ["data/photos/train", "../photos/train"])
def test_data_that_only_this_machine_has_are_named_with_the_remedy(tmp_path: Path, dependency: str) -> None:
    use = {"cmd": "true", "deps": [dependency], "outs": ["used"]}
    project = Project(tmp_path / "project", use=use)
    with pytest.raises(InputError, match="`dvc add`") as error, scratch("remote", project=project.root):
        pass
    assert dependency in str(error.value)


def test_dvc_has_credentials_of_its_own_and_the_environment_stays_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "the launcher's")
    monkeypatch.setenv("DVC_S3_ACCESS_KEY_ID", "dvc's")
    monkeypatch.setenv("DVC_S3_ENDPOINT_URL", "http://dvc.example.org")
    before = dict(os.environ)
    for remote, settings in {
        "s3://bucket/folder": {"access_key_id": "dvc's", "endpointurl": "http://dvc.example.org"},
        "/folder": {},
    }.items():
        with scratch(remote, project=project.root) as root, repository(root) as opened:
            assert opened.config["remote"]["remote"].items() >= settings.items()
            assert ("access_key_id" in opened.config["remote"]["remote"]) == bool(settings)
    assert dict(os.environ) == before
