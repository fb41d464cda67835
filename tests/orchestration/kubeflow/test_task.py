"""task: what a container does, from packed lock entries to packed lock entries."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, locks, packing, remote
from pipeline.orchestration.kubeflow import ending, records, task
from pipeline.orchestration.workspace import prepared, run_files, scratch
from tests.support.shell import RAN, Project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    track = {"cmd": "echo $MLFLOW_TRACKING_URI $MLFLOW_EXPERIMENT_NAME $PIPELINE_RUN > tracked", "outs": ["tracked"]}
    made = Project(tmp_path / "project", track=track)
    monkeypatch.setenv(RAN, str(made.notes))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "PIPELINE_RUN", "PIPELINE_TRACKING"):
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setenv(task.RUN, "run-1")
    monkeypatch.setattr(task, "prepared", partial(prepared, project=made.root))
    monkeypatch.setattr(ending, "scratch", partial(scratch, project=made.root))
    return made


@pytest.fixture
def storage(tmp_path: Path) -> str:
    folder = tmp_path / "storage"
    folder.mkdir()
    return str(folder)


def run(storage: str, stage: str, *parents: str, **compiled: Any) -> str:
    with pytest.MonkeyPatch.context() as process:
        for name, value in task.environment("http://mlflow", "faces").items():
            process.setenv(name, value)
        return task.run(stage, parents, storage, **compiled)


def test_tasks_hand_on_entries_and_the_last_one_leaves_the_lock_of_all(project: Project, storage: str) -> None:
    draw = run(storage, "draw")
    fits = [run(storage, f"fit@{model}", draw) for model in "ab"]
    entries = [draw, *fits, run(storage, "join", *fits), run(storage, "track")]
    task.join(entries, storage)
    lock, summary = (dsl.Artifact(uri=str(project.root / name)) for name in ("lock", "summary"))
    ending.finish("SUCCEEDED", "", storage, lock, summary)
    assert locks.read(project.root / "lock") == locks.join(entries)
    assert set(locks.join(entries)) == {"draw", "fit@a", "fit@b", "join", "track"}
    report = (project.root / "summary").read_text()
    assert report.startswith("# Run run-1: succeeded\n")
    assert report.count("| succeeded | 0:") == len(entries) + 1


def test_a_stage_logs_to_the_tracking_server_of_the_run(project: Project, storage: str) -> None:
    entries = locks.unpack(run(storage, "track"))
    digest = entries["track"]["outs"][0]["md5"]
    found = Path(storage) / "files" / "md5" / digest[:2] / digest[2:]
    assert found.read_text() == "http://mlflow faces kubeflow run-1\n"


def test_the_parameters_of_the_run_take_the_place_of_those_in_the_image(
    project: Project, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = run_files(project.root)
    files["params.yaml"] = files["params.yaml"].replace("b: 0.2", "b: 0.7")
    draw = run(storage, "draw")
    monkeypatch.setenv(task.FILES, packing.pack(json.dumps(files)))
    (entry,) = locks.unpack(run(storage, "fit@b", draw, parameters='{"rates.b": 0.7}')).values()
    assert entry["params"] == {"params.yaml": {"rates.b": 0.7}}
    (entry,) = locks.unpack(
        run(storage, "fit@b", draw, parameters='{"rates.b": 0.7}', overrides=["rates.b=1"])
    ).values()
    assert entry["params"] == {"params.yaml": {"rates.b": 1}}


def test_a_task_refuses_parameters_and_code_for_which_it_was_not_compiled(project: Project, storage: str) -> None:
    stage = graph.read(project.root)["draw"]
    known = {"parameters": graph.settings(stage, project.root), "code": graph.code_digest(stage, project.root)}
    run(storage, "draw", **known)
    (project.root / "pipeline" / "code.py").write_text("other = True\n")
    with pytest.raises(InputError, match=r"does not fit the compiled pipeline \(1\):\n.*image has other code"):
        run(storage, "draw", **known)
    with pytest.raises(InputError, match=r'its parameters are \{"seed": 1\}; its task was compiled for \{"seed": 2\}'):
        run(storage, "draw", parameters='{"seed": 2}')


@pytest.mark.parametrize("name", ["dvc.yaml", "data/../../x.dvc", "/etc/x.dvc", "data/x.csv"])
def test_a_run_brings_no_other_files(
    project: Project, storage: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(task.FILES, packing.pack(json.dumps(run_files(project.root) | {name: ""})))
    with pytest.raises(InputError, match=r"neither params\.yaml nor"):
        run(storage, "draw")


def test_a_task_without_the_id_of_its_run_says_what_is_missing(
    project: Project, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(task.RUN)
    with pytest.raises(InputError, match="no label pipeline/runid"):
        task.run("draw", [], storage)


def test_a_run_without_all_entries_has_no_lock(project: Project, storage: str) -> None:
    with pytest.raises(InputError, match="join: no entry"):
        task.join([run(storage, "draw")], storage)
    assert not (Path(storage) / remote.FINISHED).exists()


def test_a_task_that_asked_for_gpus_stops_on_a_node_without(
    project: Project, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(task.ACCELERATORS, "99")
    with pytest.raises(InputError, match=r"the task asked for 99 .*check the node's driver"):
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


def test_runs_that_mlflow_lacks_are_handed_on_through_the_remote(
    project: Project, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"cmd": "mkdir -p tracking/1-a/files && echo {} > tracking/1-a/files/a && false", "outs": ["never"]}
    other = Project(tmp_path / "other", lost=lost)
    monkeypatch.setattr(task, "prepared", partial(prepared, project=other.root))
    monkeypatch.setattr(remote, "scratch", partial(scratch, project=other.root))
    with pytest.raises(InputError, match="lost"):
        run(storage, "lost")
    assert (Path(storage) / "tracking" / "1-a" / "files" / "a").exists()
    monkeypatch.chdir(tmp_path)
    with remote.fetched_unsent(storage, Path("tracking")):
        assert Path("tracking/1-a/files/a").read_text() == "{}\n"
    assert not (Path(storage) / "tracking" / "1-a" / "files" / "a").exists()


@pytest.mark.parametrize(("state", "status"), [("FAILED", "FAILED"), ("CANCELLED", "KILLED")])
def test_the_last_task_reports_what_failed_and_ends_the_run_in_mlflow(
    project: Project, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, status: str
) -> None:
    address = f"sqlite:///{tmp_path}/mlflow.db"
    for name, value in task.environment(address, "faces").items():
        monkeypatch.setenv(name, value)
    client = tracking.connect()
    experiment = client.create_experiment("faces")
    whole = {"pipeline_run": "kubeflow run-1", "stage": "pipeline"}
    parent = client.create_run(experiment, tags=whole, run_name="kubeflow run-1").info.run_id
    killed = client.create_run(experiment, tags={"mlflow.parentRunId": parent}, run_name="a").info.run_id
    run(storage, "draw")
    with scratch(storage, project=project.root) as root:
        with pytest.raises(RuntimeError), records.recorded(root, "run-1", "fit@a"):
            raise RuntimeError("out of memory")
        records._write(root, "run-1", records.Record("fit@b", "pod-7", 0.0))
    lock, summary = (dsl.Artifact(uri=str(tmp_path / name)) for name in ("lock", "summary"))
    ending.finish(state, "task fit-a failed", storage, lock, summary)
    report = (tmp_path / "summary").read_text()
    for line in (f"run-1: {state.lower()}", "task fit-a failed", "| draw | succeeded |", "| fit@a | failed |"):
        assert line in report
    assert "| fit@b | ended without a report | | pod-7 |" in report
    assert "| join | not started, or unchanged |" in report
    assert "out of memory" in report
    assert not (tmp_path / "lock").exists()
    assert client.get_run(parent).info.status == status
    assert client.get_run(killed).info.status == "KILLED"


def test_the_last_task_reports_without_mlflow_too(
    project: Project, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in task.environment("http://127.0.0.1:9", "faces").items():
        monkeypatch.setenv(name, value)
    ending.finish("FAILED", "", storage, None, summary := dsl.Artifact(uri=str(tmp_path / "summary")))
    assert "failed" in Path(summary.path).read_text()
    assert "MLflow at http://127.0.0.1:9: the pipeline run stays open" in capsys.readouterr().err
