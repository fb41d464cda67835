"""arguments: faults that would stop every task are reported before the first one."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline.cli.kubeflow import app
from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks
from pipeline.orchestration.kubeflow import local
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import run_files

STORE = "http://127.0.0.1:5000"

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def arguments(remote: object, overrides: Sequence[str] = (), store: str = STORE) -> Arguments:
    return Arguments(str(remote), store, "faces", overrides, "1", "1-slim")


def test_parameters_may_change(tmp_path: Path) -> None:
    arguments(tmp_path, ["models.age.epochs=3"]).check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("train.folds=[1]", r"change the graph.*\n.*stage train@mask-0 is gone"),
        ("crop.shards=[0,1]", r"change the graph.*\n(.*\n)*.*stage crop@1 is new"),
        ("models.age.epochs=never", "models.age.epochs: must be a whole number"),
        ("models.age.epoch=3", "Could not override 'models.age.epoch'"),
    ],
)
def test_an_override_that_would_stop_every_task_is_refused(tmp_path: Path, override: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        arguments(tmp_path, [override]).check()


def test_a_local_run_prints_how_to_pull_from_its_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "run", lambda *_: ("run-1", {}))
    monkeypatch.setattr(locks, "write", lambda _: None)
    result = CliRunner().invoke(
        app, ["run", "--local", "subprocess", "--remote", str(tmp_path)], catch_exceptions=False
    )
    assert f"`dvc remote add --default NAME {tmp_path}` and `dvc pull`" in result.output


def test_a_recipe_runs_locally_and_changes_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: dict[str, str] = {}

    def run(given: Arguments, engine: str, environment: object, package: Path, project: Path) -> tuple[str, Entries]:
        compiled.update(run_files(project), package=package.read_text())
        return "run-1", {}

    monkeypatch.setattr(local, "run", run)
    before = Path("dvc.lock").stat() if Path("dvc.lock").exists() else None
    words = ["run", "--local", "subprocess", "--remote", str(tmp_path), "--recipe", "r2-swin", "-S", "train.folds=[0]"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert f"kubeflow fetch run-1 --remote {tmp_path} --replace-params" in result.output
    recipe = YAML(typ="safe").load(Path("recipes/r2-swin.yaml"))
    assert YAML(typ="safe").load(compiled["params.yaml"])["models"] == recipe["models"]
    assert all(f"train@{model}-0" in compiled["package"] for model in recipe["train"]["models"])
    assert before == (Path("dvc.lock").stat() if Path("dvc.lock").exists() else None)


def test_a_missing_remote_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        arguments(tmp_path / "nowhere").check()


@pytest.mark.parametrize(
    ("remote", "store", "folders"),
    [
        ("s3://bucket/folder", STORE, []),
        ("/storage", STORE, ["/storage"]),
        ("/storage", "sqlite:////tracking/mlflow.db", ["/storage", "/tracking"]),
    ],
)
def test_containers_need_the_folders_that_the_arguments_name(remote: str, store: str, folders: list[str]) -> None:
    assert arguments(remote, store=store).folders == [Path(folder) for folder in folders]
