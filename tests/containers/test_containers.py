"""The images, and the compiled pipeline in them: `make test-containers` builds the one and runs the other."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import mlflow
import numpy as np
import pytest

from pipeline.config import params
from tests.server.processes import PATIENCE, free_port, listening
from tests.server.processes import clean as clean_environment
from tests.support import sdk_training
from tests.support.clones import ALL, Clone, without_sizes
from tests.support.mlflow_server import Server
from tests.support.workspace import ROOT

TAG = os.environ.get("IMAGE_TAG", "")
NAME = params.load(ROOT / "params.yaml").kubeflow.image.partition(":")[0]
IMAGE, SLIM = f"{NAME}:{TAG}", f"{NAME}:{TAG}-slim"
LARGEST_SLIM = 1.35e9  # bytes

pytestmark = pytest.mark.skipif(not TAG, reason="needs a container engine: make test-containers")


def run(*command: str) -> str:
    """What a command says; fails unless it succeeds."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def in_image(*command: str, image: str = IMAGE, **environment: str) -> str:
    """What a command says in a container with a read-only root."""
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return run("docker", "run", "--rm", "--network=host", "--read-only", "--tmpfs=/tmp", *variables, image, *command)


def in_containers(clone: Clone, storage: Path, *arguments: str) -> set[str]:
    """Run the compiled pipeline in containers of a clone's image; the stages whose command ran."""
    store = f"sqlite:///{storage.parent / 'mlflow' / 'mlflow.db'}"
    images = ["--image", f"{IMAGE}-tiny", "--slim-image", f"{SLIM}-tiny"]
    options = ["--remote", str(storage), "--mlflow", store, *images]
    return clone.run_locally(*options, *arguments, engine="docker")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC remote that whoever a container runs as can write to, with a place for MLflow beside it."""
    folder = tmp_path_factory.mktemp("storage")
    for name in ("remote", "mlflow"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    for above in (folder, *folder.parents):  # pytest lets nobody else in
        if above.is_relative_to(tmp_path_factory.getbasetemp().parent):
            above.chmod(0o755)
    return folder / "remote"


@pytest.fixture(scope="module")
def clean(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run, whose parameters are those of images of its own."""
    clone = Clone(tmp_path_factory.mktemp("clean"), storage)
    for image in (IMAGE, SLIM):
        (clone.root / "Dockerfile").write_text(f"FROM {image}\nCOPY params.yaml .\n")
        clone.run("docker", "build", "--quiet", "--tag", f"{image}-tiny", ".")
    return clone


@pytest.fixture(scope="module")
def finished(clean: Clone, storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after the whole pipeline ran in containers."""
    clone = clean.copy(tmp_path_factory.mktemp("finished") / "clone")
    assert in_containers(clone, storage) == ALL
    return clone


def test_a_task_is_not_root_and_finds_the_program_and_no_git() -> None:
    assert in_image("id", "--user").strip() == "10001"
    assert "Submission" in in_image("python", "-m", "pipeline", "submit", "--help").title()
    assert in_image("sh", "-c", "command -v git || echo none").strip() == "none"


def test_the_slim_image_is_small_and_a_part_of_the_whole_one() -> None:
    assert in_image("python", "-c", "import torch, timm, facenet_pytorch; print(torch.__version__)").strip()
    absent = "from importlib.util import find_spec; print([find_spec(name) for name in ('torch', 'timm', 'triton')])"
    assert in_image("python", "-c", absent, image=SLIM).strip() == "[None, None, None]"
    assert int(run("docker", "image", "inspect", "--format", "{{.Size}}", SLIM)) < LARGEST_SLIM
    layers = [run("docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", each) for each in (SLIM, IMAGE)]
    slim, whole = map(json.loads, layers)
    assert slim[:-1] == whole[: len(slim) - 1], "a node that has one pulls only the rest of the other"


@pytest.mark.parametrize("image", [IMAGE, SLIM])
def test_the_images_hold_files_of_the_project_and_nothing_else(image: str) -> None:
    inside = in_image("find", ".", "-type", "f", "-not", "-name", "*.pyc", "-printf", "%P\n", image=image).split()
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert set(inside) <= set(tracked)
    assert {"dvc.yaml", "params.yaml", "pipeline/__main__.py", "components/stages.py"} <= set(inside)


def test_the_image_names_the_commit_that_it_was_built_from() -> None:
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    said = run("docker", "image", "inspect", "--format", label, IMAGE)
    assert said.strip() == run("git", "rev-parse", "HEAD").strip()


def test_the_pipeline_in_containers_leaves_the_lock_of_dvc_repro(clean: Clone, finished: Clone, tmp_path: Path) -> None:
    here = clean.copy(tmp_path / "here")
    here.repro("repro")
    assert without_sizes(finished.lock()) == without_sizes(here.lock())
    finished.dvc("pull", "--quiet")
    assert "up to date" in finished.dvc("status")


def test_no_task_wrote_as_root(finished: Clone, storage: Path) -> None:
    made = [path for folder in storage.parent.iterdir() for path in folder.rglob("*")]
    assert {path.stat().st_uid for path in made} == {os.getuid() or 10001}


def test_a_stage_that_fails_in_a_container_fails_the_run(clean: Clone, storage: Path, tmp_path: Path) -> None:
    clone = clean.copy(tmp_path / "failing")
    with pytest.raises(AssertionError, match=r"error: .*'relabel'.*; its log is above"):
        in_containers(clone, storage, "-S", "relabel.fixes=[nowhere]")
    assert not (clone.root / "dvc.lock").exists()


SAMPLE = """
from botocore.session import get_session
from pipeline.orchestration.kubeflow import task
task.run("sample", [], "s3://ours/dvc", ["sample.people=24", "sample.eval_people=4"])
get_session().create_client("s3").put_object(Bucket="launchers", Key="artifact", Body=b"as Kubeflow's launcher does")
"""


def test_dvc_and_kubeflows_launcher_use_stores_of_their_own(tmp_path: Path) -> None:
    """Both run in one container: the launcher takes AWS_*, DVC takes DVC_S3_*."""
    with ExitStack() as stack:
        addresses, keys = {}, {}
        for name in ("ours", "launchers"):
            port = free_port()
            addresses[name] = f"http://127.0.0.1:{port}"
            moto = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
            stack.enter_context(listening(moto, clean_environment(), tmp_path / f"{name}.log", addresses[name]))
            _store(addresses[name]).create_bucket(Bucket=name)
        launchers = {"AWS_ACCESS_KEY_ID": "launcher", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
        launchers["AWS_ENDPOINT_URL"] = addresses["launchers"]
        ours = {"DVC_S3_ACCESS_KEY_ID": "dvc", "DVC_S3_SECRET_ACCESS_KEY": "s", "DVC_S3_REGION": "us-east-1"}
        ours["DVC_S3_ENDPOINT_URL"] = addresses["ours"]
        in_image("python", "-c", SAMPLE, image=SLIM, PIPELINE_KUBEFLOW_RUN="run", **launchers, **ours)
        for name, address in addresses.items():
            found = _store(address).list_objects_v2(Bucket=name)["Contents"]
            keys[name] = {each["Key"].partition("/")[0] for each in found}
            assert [bucket["Name"] for bucket in _store(address).list_buckets()["Buckets"]] == [name]
        assert keys == {"ours": {"dvc"}, "launchers": {"artifact"}}


def _store(address: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address, **keys)


LOGGED = """
import os
from pipeline import tracking
from pipeline.orchestration.kubeflow import task
os.environ.update(task.environment("http://another:5000", "faces"))
with tracking.run("mask-0", {}, {"epochs": 3}, "faces") as run:
    run.metrics({"val_macro_f1": 0.5}, step=1)
"""


def test_a_task_logs_to_the_run_that_kubeflows_mlflow_plugin_injects(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        client = mlflow.MlflowClient(server.address)
        parent = client.create_run("0", run_name="the KFP run")
        nested = client.create_run("0", tags={"mlflow.parentRunId": parent.info.run_id}, run_name="train")
        injected = {"MLFLOW_RUN_ID": nested.info.run_id, "MLFLOW_TRACKING_URI": server.address}
        patient = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE), "MLFLOW_EXPERIMENT_ID": "0"}
        place = {"PIPELINE_TRACKING": "/tmp/tracking", "PIPELINE_KUBEFLOW_RUN": "run"}
        in_image("python", "-c", LOGGED, image=SLIM, **injected, **patient, **place)
        runs = {run.info.run_name: run for run in client.search_runs(["0"])}
        assert set(runs) == {"the KFP run", "mask-0"}
        assert runs["mask-0"].info.run_id == nested.info.run_id
        assert runs["mask-0"].data.metrics["val_macro_f1"] == 0.5


@pytest.mark.filterwarnings("ignore:Support for class-based `config`")  # of pydantic, on kubeflow 0.5
def test_two_containers_of_the_sdks_backend_learn_what_one_process_learns(
    trainable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubeflow.trainer import ContainerBackendConfig, CustomTrainer, TrainerClient
    from kubeflow.trainer.backends.container.types import TrainingRuntimeSource
    from kubeflow.trainer.options import Name

    sdk_training.configure(trainable)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / ".kubeflow" / "trainer" / "containers" / "nodes"  # which all nodes get as /workspace
    folder.mkdir(parents=True)
    for name in ("crops", "labels.parquet", "folds.parquet", "params.yaml"):
        (trainable / name).rename(folder / name)
    (folder / ".bash_profile").write_text("PATH=/opt/venv/bin:$PATH\n")  # a login shell forgets that of the image
    folder.chmod(0o777)
    client = TrainerClient(
        ContainerBackendConfig(
            container_host=os.environ.get("DOCKER_HOST"),
            container_runtime="docker",
            pull_policy="Never",
            runtime_source=TrainingRuntimeSource(sources=[]),
        )
    )
    trainer = CustomTrainer(
        func=sdk_training.training,
        func_args={"given": sdk_training.arguments("/workspace", "/opt/pipeline")},
        num_nodes=2,
        image=IMAGE,
        env={"HOME": "/workspace", "MLFLOW_TRACKING_URI": "sqlite:////workspace/mlflow.db", "OMP_NUM_THREADS": "1"},
    )
    job = client.train(runtime="torch-distributed", trainer=trainer, options=[Name("nodes")])
    ended = client.wait_for_job_status(job, {"Complete", "Failed"}, timeout=300)
    assert ended.status == "Complete", "".join(client.get_job_logs(job))
    assert [(step.name, step.status) for step in ended.steps] == [("node-0", "Complete"), ("node-1", "Complete")]
    assert np.allclose(*sdk_training.epochs(folder, monkeypatch), rtol=1e-3)
    client.delete_job(job)
