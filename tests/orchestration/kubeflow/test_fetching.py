"""fetching: the dvc.lock and outs of a finished run come from its remote."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli import app
from pipeline.config import params
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, locks, remote
from pipeline.orchestration.graph import Stage
from pipeline.orchestration.kubeflow import fetching
from pipeline.orchestration.kubeflow.server import Server
from tests.orchestration.kubeflow.api import RUN, Cluster, serving
from tests.support.workspace import ROOT, copy

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC remote that holds a finished run, whose stages have written next to nothing."""
    folder, root = tmp_path_factory.mktemp("remote"), clone(tmp_path_factory.mktemp("cluster"))
    dvc(root, "remote", "add", "--default", "remote", str(folder))
    for stage in graph.read(root).values():
        pretend(root, stage)
    dvc(root, "commit", "--force", "--quiet")
    dvc(root, "push", "--quiet")
    remote.join(root, locks.read(root / locks.FILE), RUN)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean clone of the project to be in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(clone(tmp_path / "home"))
    return tmp_path / "home"


def clone(root: Path) -> Path:
    copy(root, "params.yaml")
    dvc(root, "init", "--no-scm", "--quiet")
    return root


def dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def pretend(root: Path, stage: Stage) -> None:
    """Write every out of a stage, after what it reads that nobody has written."""
    for path in (*stage.dependencies, *stage.outs):
        if not (root / path).exists():
            file = root / path / "file" if Path(path).suffix == "" else root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{stage.name} wrote {path}")


def fetched(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline", "kubeflow", "fetch", RUN, *words])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert not ended.value.code


def cluster(storage: Path, state: str = "SUCCEEDED") -> Cluster:
    return Cluster(answers=[{"state": state, "parameters": {"remote": str(storage)}}])


def test_a_finished_run_is_the_state_of_the_project_that_fetches_it(
    storage: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(cluster(storage)) as server:
        fetched(monkeypatch, "--server", server.address)
    assert (home / "results" / "submission.csv").read_text() == "submit wrote results/submission.csv"
    assert (home / "dvc.lock").read_bytes() == (storage / "finished" / RUN / "dvc.lock").read_bytes()
    assert "up to date" in dvc(home, "status")


def test_with_its_remote_a_run_is_fetched_without_asking_the_server(
    storage: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(monkeypatch, "--remote", str(storage))
    assert (home / "results" / "submission.csv").exists()


@pytest.mark.parametrize("state", ["RUNNING", "FAILED"])
def test_a_run_that_has_not_succeeded_is_not_fetched(storage: Path, home: Path, state: str) -> None:
    with (
        serving(cluster(storage, state)) as server,
        pytest.raises(InputError, match=f"run {RUN}: {state.lower()}; only a run that has succeeded"),
    ):
        fetching.storage(Server(server.address), RUN)


def test_a_run_that_was_given_no_parameters_has_the_remote_of_its_pipeline(home: Path) -> None:
    with serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as known:
        server = Server(known.address)
        assert fetching.storage(server, server.submit(ROOT / "pipeline.yaml", "faces", "by hand", {})) == (
            params.load(ROOT / params.FILE).kubeflow.remote
        )


def test_a_run_without_a_known_remote_needs_the_option(home: Path) -> None:
    with (
        serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as server,
        pytest.raises(InputError, match=f"run {RUN}: the server does not know its DVC remote; name it with --remote"),
    ):
        fetching.storage(Server(server.address), RUN)


def test_a_run_that_the_remote_does_not_know_changes_nothing(storage: Path, home: Path) -> None:
    with pytest.raises(InputError, match="no finished run 'another'"):
        fetching.fetch("another", str(storage), replace=False)
    assert not (home / "dvc.lock").exists()


def test_different_parameters_are_kept_without_the_option_to_replace_them(storage: Path, home: Path) -> None:
    ours = change(home / "params.yaml", "relabel", {"fixes": ["champion"]})
    with pytest.raises(InputError, match=r"other parameters: relabel.fixes: \[\] \(here \['champion'\]\)"):
        fetching.fetch(RUN, str(storage), replace=False)
    assert not (home / "dvc.lock").exists()
    assert (home / "params.yaml").read_text() == ours
    fetching.fetch(RUN, str(storage), replace=True)
    assert (home / "params.yaml").read_bytes() == (storage / "finished" / RUN / "params.yaml").read_bytes()
    assert (home / "results" / "submission.csv").exists()


def test_a_run_of_another_cluster_is_fetched_and_the_settings_of_this_one_stay(storage: Path, home: Path) -> None:
    ours = change(home / "params.yaml", "kubeflow", {"image": "faces:v2"})
    fetching.fetch(RUN, str(storage), replace=False)
    assert (home / "params.yaml").read_text() == ours
    assert (home / "results" / "submission.csv").exists()


def test_a_run_of_another_graph_changes_nothing(storage: Path, home: Path, tmp_path: Path) -> None:
    other = shutil.copytree(storage, tmp_path / "other")
    change(other / "finished" / RUN / "dvc.lock", "stages", {})
    with pytest.raises(InputError, match="lock entries of another version of the graph"):
        fetching.fetch(RUN, str(other), replace=False)
    assert not (home / "dvc.lock").exists()


def change(path: Path, key: str, value: Any) -> str:
    content = YAML().load(path)
    content[key] = value
    YAML().dump(content, path)
    return path.read_text()
