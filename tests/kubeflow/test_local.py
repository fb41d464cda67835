"""local: the compiled pipeline, run on this machine, ends as `dvc repro` does."""

import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
from kfp.local import subprocess_task_handler

from pipeline.errors import InputError
from pipeline.kubeflow import local
from pipeline.kubeflow.arguments import Arguments
from tests.clones import AGE, ALL, Clone

Finished = tuple[Clone, set[str]]  # a clone and the stages that ran in it

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run."""
    return Clone(tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="module")
def elsewhere(clean: Clone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The dvc.lock that other executors leave in clean clones, by their names."""
    folder = tmp_path_factory.mktemp("elsewhere")
    reproduced, parallel = clean.copy(folder / "reproduced"), clean.copy(folder / "parallel")
    reproduced.repro("repro")
    parallel.run(sys.executable, "-m", "pipeline", "run", "--jobs", "2")
    return {"dvc repro": reproduced.lock(), "run --jobs": parallel.lock()}


@pytest.fixture(scope="module")
def finished(clean: Clone, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A clone after a run of all tasks as processes."""
    clone = clean.copy(tmp_path_factory.mktemp("finished") / "clone")
    return clone, clone.run_locally()


@pytest.fixture
def broken(clean: Clone, tmp_path: Path) -> Clone:
    """A clone whose first stage fails, after an earlier run."""
    clone = clean.copy(tmp_path / "broken")
    with (clone.root / "pipeline" / "stages" / "sample.py").open("a") as stage:
        stage.write("raise SystemExit('out of order')\n")
    (clone.root / "dvc.lock").write_text("schema: '2.0'\n")
    (tmp_path / "storage").mkdir()
    return clone


def test_every_executor_leaves_the_same_lock(finished: Finished, elsewhere: dict[str, str]) -> None:
    clone, ran = finished
    assert ran == ALL
    assert elsewhere == dict.fromkeys(elsewhere, clone.lock())


def test_after_a_pull_everything_is_up_to_date(finished: Finished) -> None:
    clone, _ = finished
    assert not (clone.root / "models").exists(), "tasks work elsewhere"
    clone.dvc("pull")
    assert "up to date" in clone.dvc("status")
    assert (clone.root / "results" / "submission.csv").exists()


def test_trainings_are_tracked_where_a_person_looks(finished: Finished) -> None:
    root = finished[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'mask-gender-age-sample'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) >= {"face-0", "years-0", "ensemble"}
    assert {file.path for file in client.list_artifacts(runs["ensemble"].info.run_id)} >= {"confusion.png"}
    assert runs["ensemble"].data.tags["member_run.face-0"] == runs["face-0"].info.run_id


def test_a_second_run_runs_no_command_and_a_changed_age_setting_age_and_what_comes_after_it(
    clean: Clone, finished: Finished, tmp_path: Path
) -> None:
    again, changed = clean.copy(tmp_path / "again"), clean.copy(tmp_path / "changed")
    assert again.run_locally() == set()
    assert again.lock() == finished[0].lock()
    assert changed.run_locally("-S", "models.years.heads.age.loss=mse") == AGE
    before, after = again.hashes(), changed.hashes()
    assert {path for path in before if "face" in path} <= {path for path in before if before[path] == after[path]}


def test_a_stage_that_fails_is_named_and_leaves_the_lock_as_it_was(broken: Clone) -> None:
    with pytest.raises(AssertionError, match=r"(?s)out of order.*error: .*failed: 'sample'"):
        broken.run_locally("--remote", str(broken.root.parent / "storage"))
    assert broken.lock() == "schema: '2.0'\n"


def test_a_failed_task_that_kfp_takes_for_a_success_fails_the_run(
    broken: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess_task_handler.run_local_subprocess

    def succeed(*command: Any, **options: Any) -> int:
        assert real(*command, **options) != 0
        return 0

    monkeypatch.setattr(subprocess_task_handler, "run_local_subprocess", succeed)
    monkeypatch.chdir(broken.root)
    arguments = Arguments(str(broken.root.parent / "storage"), "sqlite:///mlflow.db", "x", [], "latest")
    with pytest.raises(InputError, match=r"'sample'.*; its log is above"):
        local.run(arguments, "subprocess", {})
    assert broken.lock() == "schema: '2.0'\n"
