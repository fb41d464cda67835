"""Submitting to a server that answers as Kubeflow Pipelines does, through the command line."""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp.cli.cli import cli
from ruamel.yaml import YAML

from pipeline.cli import app
from pipeline.foundation.errors import InputError
from pipeline.orchestration import packing
from pipeline.orchestration.kubeflow import specification, submission, task
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.kubeflow.server import NoAnswerError, Server
from tests.orchestration.kubeflow.api import RUN, Cluster, serving

ROOT = Path(__file__).parents[3]
ARGUMENTS = Arguments(
    remote="remote",
    mlflow="http://mlflow:5000",
    experiment="x",
    overrides=[],
    image="faces:v1",
    slim_image="faces:v1-slim",
)
Typed = tuple[int, str, str]  # exit status, stdout, stderr

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's graph and parameters, compiled, and the folder of a DVC remote."""
    root = tmp_path_factory.mktemp("project")
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", "pipeline.yaml"):
        shutil.copy(ROOT / name, root / name)
    (root / "remote").mkdir()
    return root


@pytest.fixture
def in_project(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project to be in."""
    monkeypatch.chdir(shutil.copytree(project, tmp_path / "project"))
    monkeypatch.setenv("HOME", str(tmp_path))  # kfp keeps its latest settings there
    monkeypatch.setattr(submission, "PERIOD", 0.01)
    return tmp_path / "project"


@pytest.fixture
def submit(
    in_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Typed]:
    """Type `kubeflow submit` beside an engine that has every image."""
    monkeypatch.setenv("PATH", f"{engine(tmp_path, has_image=True)}{os.pathsep}{os.environ['PATH']}")

    def run(address: str, *words: str, remote: str = "remote") -> Typed:
        options = ["--server", address, "--remote", remote, *words]
        monkeypatch.setattr(sys, "argv", ["pipeline", "kubeflow", "submit", *options])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def engine(folder: Path, has_image: bool) -> Path:
    """A folder with a `docker` that finds an image or does not."""
    file = folder / "bin" / "docker"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\necho no such manifest: $3 >&2\nexit {0 if has_image else 1}\n")
    file.chmod(0o755)
    return file.parent


def wait(*answers: dict[str, Any]) -> None:
    with serving(Cluster(answers=answers)) as cluster:
        submission.wait(Server(cluster.address), RUN, specification.task_names(), lambda *_: None)


def tasks(**states: str) -> list[tuple[str, str]]:
    return [(name.replace("_", "-"), state) for name, state in states.items()]


def test_a_run_gets_its_parameters_and_is_followed_to_its_end(submit: Callable[..., Typed], project: Path) -> None:
    answers: list[dict[str, Any]] = [
        {"state": "PENDING"},
        {"state": "RUNNING", "tasks": tasks(root_driver="SUCCEEDED", sample="RUNNING")},
        {"state": "RUNNING", "tasks": tasks(sample="SUCCEEDED", relabel="RUNNING", train_2="PENDING")},
        {"state": "SUCCEEDED", "tasks": tasks(sample="SUCCEEDED", relabel="SUCCEEDED", train_2="SUCCEEDED")},
    ]
    with serving(Cluster(answers=answers)) as cluster:
        status, out, err = submit(
            cluster.address,
            "-S",
            "models.age.epochs=3",
            "--image",
            "faces:v1",
            "--slim-image",
            "faces:s1",
            "--experiment",
            "x",
        )
    assert status == 0, err
    (run,) = cluster.submitted
    assert run.display_name == "faces:v1"
    assert run.runtime_config.parameters == {
        "remote": str(Path("remote").resolve()),
        "mlflow": "http://mlflow.mlflow:5000",
        "experiment": "x",
        "overrides": [],
        "image": "faces:v1",
        "slim_image": "faces:s1",
    }
    age = tasks_of(run)["train@age-0"]
    assert json.loads(constant(age, "parameters"))["models.age"]["epochs"] == 3
    assert age["cachingOptions"] == {"enableCache": True}
    assert [experiment.display_name for experiment in cluster.experiments] == ["x"]
    assert f"{cluster.address}/#/runs/details/{RUN}" in out
    assert f"kubeflow fetch {RUN}" in out
    assert [line for line in err.splitlines() if line.startswith(("sample", "train@"))] == [
        "sample: running",
        "sample: succeeded",
        "train@mask-1: succeeded",
    ]


def tasks_of(run: Any) -> dict[str, Any]:
    """The tasks of a submitted run by their stages."""
    found = specification.tasks(run.pipeline_spec["pipeline_spec"]).values()
    return {each["taskInfo"]["name"]: each for each in found}


def constant(found: Any, name: str) -> str:
    return str(found["inputs"]["parameters"][name]["runtimeValue"]["constant"])


def files_of(run: Any) -> dict[str, str]:
    """The files that travel with a submitted run."""
    (packed,) = {
        variable["value"]
        for executor in run.pipeline_spec["pipeline_spec"]["deploymentSpec"]["executors"].values()
        for variable in executor["container"]["env"]
        if variable["name"] == task.FILES
    }
    return dict(json.loads(packing.unpack(packed, "files")))


def test_another_recipe_and_other_data_are_submitted_and_nothing_changes_here(submit: Callable[..., Typed]) -> None:
    shutil.copytree(ROOT / "recipes", "recipes")
    Path("data").mkdir()
    Path("data/photos.dvc").write_text(f"outs:\n- md5: {'a' * 32}.dir\n  hash: md5\n  path: photos\n")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    store("remote", "a" * 32 + ".dir", b"[]")
    with serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as cluster:
        words = ["--recipe", "r1-podium-b3", "-S", "data.root=data/photos", "-S", "train.folds=[0]", "--no-cache"]
        status, _, err = submit(cluster.address, *words)
    assert status == 0, err
    assert before == {path: path.read_bytes() for path in before}
    (run,) = cluster.submitted
    files = files_of(run)
    assert files["data/photos.dvc"] == Path("data/photos.dvc").read_text()
    sent = YAML(typ="safe").load(files["params.yaml"])
    recipe = YAML(typ="safe").load(Path("recipes/r1-podium-b3.yaml"))
    assert sent["models"] == recipe["models"]
    assert (sent["data"], sent["train"]["folds"]) == ({"root": "data/photos"}, [0])
    assert sent["kubeflow"] == YAML(typ="safe").load(Path("params.yaml"))["kubeflow"]
    stages = tasks_of(run)
    assert {f"train@{model}-0" for model in recipe["train"]["models"]} == {
        name for name in stages if name.startswith("train@")
    }
    assert not any(each["cachingOptions"].get("enableCache") for each in stages.values())


def store(remote: str, name: str, content: bytes) -> None:
    """Put an object into the folder of a DVC remote."""
    path = Path(remote, "files", "md5", name[:2], name[2:])
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.fixture
def kfp(in_project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Type a command of kfp, in this process."""

    def run(cluster: Cluster, *words: str) -> None:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", cluster.address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # kfp's own
            cli(words, obj={}, auto_envvar_prefix="KFP", standalone_mode=False)

    return run


@pytest.mark.parametrize("verb", ["submit", "create"])
def test_kfps_own_command_submits_the_compiled_file_as_it_comes(
    project: Path, kfp: Callable[..., None], verb: str
) -> None:
    with serving(Cluster(answers=[{"state": "PENDING"}])) as cluster:
        kfp(cluster, "run", verb, "-f", "pipeline.yaml", "-e", "faces")
    (run,) = cluster.submitted
    compiled, platform = YAML(typ="safe").load_all(project / "pipeline.yaml")
    assert run.pipeline_spec == {"pipeline_spec": compiled, "platform_spec": platform}
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    assert all("defaultValue" in parameter for parameter in inputs.values()), "no parameter has to be given"


def test_kfp_keeps_versions_of_the_pipeline_and_runs_them_by_schedule(project: Path, kfp: Callable[..., None]) -> None:
    with serving(Cluster()) as cluster:
        kfp(cluster, "pipeline", "create", "-p", "faces", "pipeline.yaml")
        kfp(cluster, "pipeline", "create-version", "-v", "two", "-n", "faces", "pipeline.yaml")
        schedule = ["--job-name", "nightly", "--cron-expression", "0 0 2 * * *", "--no-catchup"]
        package = ["--experiment-name", "faces", "--pipeline-package-path", "pipeline.yaml"]
        kfp(cluster, "recurring-run", "create", *schedule, *package)
        kfp(cluster, "recurring-run", "disable", "recurring-0")
    assert cluster.uploaded == [("faces", ""), ("two", "pipeline-0")]
    (recurring,) = cluster.recurring
    assert recurring.trigger.cron_schedule.cron == "0 0 2 * * *"
    compiled, platform = YAML(typ="safe").load_all(project / "pipeline.yaml")
    assert recurring.pipeline_spec == {"pipeline_spec": compiled, "platform_spec": platform}
    assert "/recurringruns/recurring-0:disable" in cluster.asked


@pytest.mark.parametrize(
    ("verb", "asked", "answer"), [("cancel", "terminate", "cancelled"), ("retry", "retry", "start again")]
)
def test_a_run_is_cancelled_and_its_failed_tasks_start_again(
    verb: str,
    asked: str,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(Cluster(token="secret")) as cluster:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", cluster.address)
        monkeypatch.setattr(sys, "argv", ["pipeline", "kubeflow", verb, RUN])
        for token, status in (("wrong", 1), ("secret", 0)):
            monkeypatch.setenv("KF_PIPELINES_TOKEN", token)
            with pytest.raises(SystemExit) as ended:
                app.main()
            assert int(ended.value.code or 0) == status
    assert cluster.asked[-1] == f"/runs/{RUN}:{asked}"
    assert answer in capsys.readouterr().out


def test_a_failed_run_names_the_stages_that_failed_and_exits_with_1(submit: Callable[..., Typed]) -> None:
    failed = [("sample", "SUCCEEDED"), ("train-2", "FAILED", "out of memory"), ("ensemble", "PENDING")]
    with serving(Cluster(answers=[{"state": "FAILED", "tasks": failed}])) as cluster:
        status, _, err = submit(cluster.address)
    assert status == 1
    assert f"error: run {RUN}: failed (1):\n  train@mask-1: out of memory\n" in err


def test_an_experiment_that_is_there_is_used_again(in_project: Path) -> None:
    with serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as cluster:
        for _ in range(2):
            submission.submit(Server(cluster.address), ARGUMENTS, specification.FILE)
    assert len(cluster.experiments) == 1
    assert [run.experiment_id for run in cluster.submitted] == ["experiment-0"] * 2


@pytest.mark.parametrize("account", [None, "trainer"])
def test_a_run_has_the_service_account_of_the_settings(in_project: Path, account: str | None) -> None:
    with serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as cluster:
        submission.submit(Server(cluster.address), ARGUMENTS, specification.FILE, account)
    (run,) = cluster.submitted
    assert run.service_account == account


def test_a_run_that_failed_before_its_stages_says_why(in_project: Path) -> None:
    with pytest.raises(InputError, match="quota exceeded"):
        wait({"state": "FAILED", "error": "quota exceeded"})


def test_a_server_that_is_silent_for_a_while_is_waited_for(in_project: Path) -> None:
    wait({"status": 503}, {"status": 502}, {"state": "SUCCEEDED"})


def test_a_server_that_stays_silent_is_given_up(in_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "PATIENCE", 0.05)
    with pytest.raises(NoAnswerError, match=f"upstream is away; run {RUN} continues on the cluster"):
        wait({"status": 503})


def test_all_faults_are_reported_at_once_and_nothing_is_submitted(submit: Callable[..., Typed], tmp_path: Path) -> None:
    engine(tmp_path, has_image=False)
    with serving(Cluster()) as cluster:
        status, _, err = submit(cluster.address, "--mlflow", "sqlite:///mlflow.db", remote="nowhere")
    assert status == 1
    assert "error: nothing is submitted (4):" in err
    assert "MLflow at sqlite:///mlflow.db: tasks on a cluster need a server" in err
    assert f"DVC remote {Path('nowhere').resolve()}: cannot be written" in err
    for image in ("mask-gender-age:latest", "mask-gender-age:latest-slim"):
        assert f"image {image}: neither here nor in its registry (no such manifest" in err
    assert not cluster.submitted


def test_a_password_in_mlflows_address_is_refused_and_not_repeated(submit: Callable[..., Typed]) -> None:
    with serving(Cluster()) as cluster:
        status, out, err = submit(cluster.address, "--mlflow", "https://ada:hidden@mlflow.example.org")
    assert status == 1
    assert "MLflow at https://mlflow.example.org: its address holds a password" in err
    assert "hidden" not in out + err
    assert not cluster.submitted


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["-S", "train.fold=[0]"], "Could not override 'train.fold'"),
        (["-S", "train.folds=[7]"], "train.folds"),
        (["--recipe", "r9"], "no recipe 'r9'"),
    ],
)
def test_parameters_that_are_not_valid_are_not_submitted(
    submit: Callable[..., Typed], words: list[str], fault: str
) -> None:
    shutil.copytree(ROOT / "recipes", "recipes")
    with serving(Cluster()) as cluster:
        status, _, err = submit(cluster.address, *words)
    assert (status, fault in err) == (1, True), err
    assert not cluster.submitted


def test_without_an_engine_the_image_is_not_checked(
    submit: Callable[..., Typed], tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "bin" / "docker").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with serving(Cluster(answers=[{"state": "SUCCEEDED"}])) as cluster:
        status, out, err = submit(cluster.address)
    assert status == 0, err
    assert "mask-gender-age:latest: not checked, there is no container engine here" in out
