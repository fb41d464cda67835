"""local: the compiled pipeline, run on this machine, ends as `dvc repro` does."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from kfp import dsl
from kfp.local import subprocess_task_handler

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, locks
from pipeline.orchestration.kubeflow import local, task
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.kubeflow.specification import NAME
from pipeline.orchestration.locks import Entries
from pipeline.orchestration.workspace import prepared
from tests.support.clones import AGE, ALL, Clone, without_sizes

Finished = tuple[Clone, set[str]]  # a clone and the stages that ran in it
Show = Callable[..., None]
EARLIER: Entries = {"submit": {"cmd": "an earlier run's"}}

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a DVC remote."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def clean(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run."""
    return Clone(tmp_path_factory.mktemp("clean"), storage)


@pytest.fixture(scope="module")
def elsewhere(clean: Clone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entries]:
    """The dvc.lock that other executors leave in clean clones, by their names."""
    folder = tmp_path_factory.mktemp("elsewhere")
    reproduced, parallel = clean.copy(folder / "reproduced"), clean.copy(folder / "parallel")
    reproduced.dvc("repro")
    parallel.run(sys.executable, "-m", "pipeline", "run", "--jobs", "2")
    return {"dvc repro": reproduced.lock(), "run --jobs": parallel.lock()}


@pytest.fixture(scope="module")
def finished(clean: Clone, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A clone after a run of all tasks as processes."""
    clone = clean.copy(tmp_path_factory.mktemp("finished") / "clone")
    return clone, clone.run_locally()


@pytest.fixture(scope="module")
def pulled(finished: Finished) -> Clone:
    """That clone with what its tasks have made elsewhere."""
    clone, _ = finished
    assert not (clone.root / "models").exists()
    clone.dvc("pull")
    return clone


@pytest.fixture
def show(finished: Finished, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Fill artifacts as a task of the finished run does that finds its result in the run-cache."""
    root = finished[0].root
    monkeypatch.setattr(task, "prepared", partial(prepared, project=root))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", tracking.PIPELINE_RUN):  # which a task sets
        monkeypatch.setenv(name, "")
    entries, stages = locks.read(root / locks.FILE), graph.read(root)

    def fill(stage: str, *artifacts: dsl.Artifact) -> None:
        for number, artifact in enumerate(artifacts):
            artifact.uri = str(tmp_path / str(number))
        parents = [locks.pack({parent: entries[parent]}) for parent in stages[stage].parents]
        with pytest.MonkeyPatch.context() as process:
            process.setenv(task.RUN, "run")
            for name, value in task.environment(f"sqlite:///{root}/mlflow.db", NAME).items():
                process.setenv(name, value)
            task.run(stage, parents, str(storage), shown=artifacts)

    return fill


@pytest.fixture
def broken(clean: Clone, tmp_path: Path) -> Clone:
    """A clone whose first stage fails, after an earlier run."""
    clone = clean.copy(tmp_path / "broken")
    with (clone.root / "pipeline" / "stages" / "sample.py").open("a") as stage:
        stage.write("raise SystemExit('out of order')\n")
    locks.write(EARLIER, clone.root / locks.FILE)
    (tmp_path / "storage").mkdir()
    return clone


def test_every_executor_leaves_the_same_lock(finished: Finished, elsewhere: dict[str, Entries]) -> None:
    clone, ran = finished
    assert ran == ALL
    expected = without_sizes(clone.lock())
    assert {name: without_sizes(entries) for name, entries in elsewhere.items()} == dict.fromkeys(elsewhere, expected)


def test_after_a_pull_everything_is_up_to_date(pulled: Clone) -> None:
    assert "up to date" in pulled.dvc("status")
    assert (pulled.root / "results" / "submission.csv").exists()


def test_trainings_are_tracked_in_the_experiment_of_the_data_set(finished: Finished) -> None:
    root = finished[0].root
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'mask-gender-age-sample'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) >= {"face-0", "years-0", "ensemble"}
    assert {file.path for file in client.list_artifacts(runs["ensemble"].info.run_id)} >= {"confusion.png"}
    assert runs["ensemble"].data.tags["member_run.face-0"] == runs["face-0"].info.run_id


def test_a_training_shows_its_scores_and_the_mlflow_run_of_its_model(show: Show, finished: Finished) -> None:
    show("train@face-0", scores := dsl.Metrics(), model := dsl.Model())
    run = mlflow.MlflowClient(f"sqlite:///{finished[0].root}/mlflow.db").get_run(model.uri.removeprefix("runs:/"))
    assert run.info.run_name == "face-0"
    assert scores.metadata["macro_f1"] == pytest.approx(run.data.metrics["val_macro_f1"], abs=1e-6)


def test_the_ensemble_shows_its_scores_every_out_of_fold_answer_and_its_photos(show: Show, pulled: Clone) -> None:
    show("ensemble", scores := dsl.Metrics(), matrix := dsl.ClassificationMetrics(), report := dsl.HTML())
    assert 0 <= scores.metadata["macro_f1"] <= 1
    held_out = pd.read_parquet(pulled.root / "data" / "folds.parquet").query("fold == 0")
    assert sum(sum(row["row"]) for row in matrix.metadata["confusionMatrix"]["rows"]) == len(held_out)
    photos = list((pulled.root / "results" / "ensemble").glob("*.png"))
    assert Path(report.path).read_text().count("data:image/png;base64,") == len(photos) > 1


def test_submit_shows_the_submission(show: Show, pulled: Clone) -> None:
    show("submit", submission := dsl.Dataset())
    assert Path(submission.path).read_bytes() == (pulled.root / "results" / "submission.csv").read_bytes()


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
    assert broken.lock() == EARLIER


def test_a_failed_task_that_kfp_takes_for_a_success_fails_the_run(
    broken: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess_task_handler.run_local_subprocess

    def succeed(*command: Any, **options: Any) -> int:
        real(*command, **options)
        return 0

    monkeypatch.setattr(subprocess_task_handler, "run_local_subprocess", succeed)
    monkeypatch.chdir(broken.root)
    arguments = Arguments(str(broken.root.parent / "storage"), "sqlite:///mlflow.db", "x", [], "latest", "slim")
    with pytest.raises(InputError, match=r"'sample'.*; its log is above"):
        local.run(arguments, "subprocess", {})
    assert broken.lock() == EARLIER
