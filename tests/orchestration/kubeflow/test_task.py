"""task: what a container does, from packed lock entries to packed lock entries."""

from functools import partial
from pathlib import Path

import pytest
from kfp import dsl

from pipeline.foundation.errors import InputError
from pipeline.orchestration import locks, remote
from pipeline.orchestration.kubeflow import task
from pipeline.orchestration.workspace import scratch
from tests.support.shell import RAN, Project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    track = {"cmd": "echo $MLFLOW_TRACKING_URI $MLFLOW_EXPERIMENT_NAME $PIPELINE_RUN > tracked", "outs": ["tracked"]}
    made = Project(tmp_path / "project", track=track)
    monkeypatch.setenv(RAN, str(made.notes))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "PIPELINE_RUN", "PIPELINE_TRACKING"):
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setattr(task, "scratch", partial(scratch, project=made.root))
    return made


@pytest.fixture
def storage(tmp_path: Path) -> str:
    folder = tmp_path / "storage"
    folder.mkdir()
    return str(folder)


def run(storage: str, stage: str, *parents: str, overrides: tuple[str, ...] = ()) -> str:
    return task.run(stage, "run-1", parents, storage, "http://mlflow", "faces", overrides)


def test_tasks_hand_on_entries_and_the_last_one_leaves_the_lock_of_all(project: Project, storage: str) -> None:
    draw = run(storage, "draw")
    fits = [run(storage, f"fit@{model}", draw) for model in "ab"]
    entries = [draw, *fits, run(storage, "join", *fits), run(storage, "track")]
    lock = dsl.Artifact(uri=str(project.root / "lock"))
    task.join("run-1", entries, storage, (), lock)
    assert locks.read(project.root / "lock") == locks.join(entries)
    assert set(locks.join(entries)) == {"draw", "fit@a", "fit@b", "join", "track"}


def test_a_stage_tracks_where_the_run_says(project: Project, storage: str) -> None:
    entries = locks.unpack(run(storage, "track"))
    digest = entries["track"]["outs"][0]["md5"]
    found = Path(storage) / "files" / "md5" / digest[:2] / digest[2:]
    assert found.read_text() == "http://mlflow faces kubeflow run-1\n"


def test_a_run_without_all_entries_has_no_lock(project: Project, storage: str) -> None:
    lock = dsl.Artifact(uri=str(project.root / "lock"))
    with pytest.raises(InputError, match="join: no entry"):
        task.join("run-1", [run(storage, "draw")], storage, (), lock)
    assert not (project.root / "lock").exists()
    assert not (Path(storage) / remote.FINISHED).exists()


def test_a_task_that_asked_for_gpus_stops_on_a_node_without(
    project: Project, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(task.ACCELERATORS, "99")
    with pytest.raises(InputError, match=r"the task asked for 99 .*look at the node's driver"):
        run(storage, "draw")
    assert project.ran() == []


def test_tasks_share_a_cache_and_checkpoints_on_the_volume(
    project: Project, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    monkeypatch.setenv(task.SHARED, str(shared))
    shared.mkdir()
    run(storage, "draw")
    assert {path.name for path in shared.iterdir()} == {"cache", "checkpoints"}


def test_what_mlflow_was_not_told_travels_through_the_remote(
    project: Project, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"cmd": "mkdir -p tracking/1-a/files && echo {} > tracking/1-a/files/a && false", "outs": ["never"]}
    other = Project(tmp_path / "other", lost=lost)
    for module in (task, remote):
        monkeypatch.setattr(module, "scratch", partial(scratch, project=other.root))
    with pytest.raises(InputError, match="lost"):
        run(storage, "lost")
    assert (Path(storage) / "tracking" / "1-a" / "files" / "a").exists()
    monkeypatch.chdir(tmp_path)
    with remote.fetched_unsent(storage, Path("tracking")):
        assert Path("tracking/1-a/files/a").read_text() == "{}\n"
    assert not (Path(storage) / "tracking" / "1-a" / "files" / "a").exists()
