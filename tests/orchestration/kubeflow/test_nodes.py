"""A training on several nodes is a TrainJob whose nodes, together, learn what one learns."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kfp import dsl
from ruamel.yaml import YAML

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, locks, packing
from pipeline.orchestration.kubeflow import ending, local, node, nodes, specification, task
from pipeline.orchestration.kubeflow.arguments import Arguments
from pipeline.orchestration.workspace import prepared, repository, scratch
from tests.orchestration.kubeflow.trainer_api import Cluster, serving
from tests.support.workspace import ROOT, VIT

STAGE = "train@mask-0"
MODEL = VIT | {"epochs": 1}
OUTPUT = "models/mask/folds/0"
OUTS = {"outs": [f"{OUTPUT}/weights.safetensors", f"{OUTPUT}/epochs.csv"], "metrics": [f"{OUTPUT}/metrics.json"]}
INPUTS = ("crops", "labels.parquet", "folds.parquet")
WORDS = " ".join(f"--{name.partition('.')[0]} data/{name}" for name in INPUTS)
TRAIN = f"python -m pipeline train --model mask --fold 0 {WORDS} --models models --checkpoints checkpoints"
CLUSTER: dict[str, Any] = {
    "labels": {"kueue.x-k8s.io/queue-name": "gpus"},
    "pull_secrets": ["registry"],
    "secrets": {"storage": {"KEY": "DVC_S3_ACCESS_KEY_ID"}},
    "stages": {"default": {"cpu": 1}, "train": {"nodes": 2, "cpu": 4, "node_selector": {"zone": "b"}}},
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:_NoneStep.value"),  # DVC 3.67 on how it uses pygtrie
    pytest.mark.filterwarnings("ignore:Support for class-based `config`"),  # of pydantic, on kubeflow 0.5
]


@pytest.fixture
def storage(tmp_path: Path) -> str:
    (tmp_path / "storage").mkdir()
    return str(tmp_path / "storage")


@pytest.fixture
def project(trainable: Path, storage: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one training, whose inputs are in the remote; this process is a task of its run."""
    root = trainable / "project"
    (root / "data").mkdir(parents=True)
    (root / "pipeline").symlink_to(ROOT / "pipeline")
    for name in INPUTS:
        (trainable / name).rename(root / "data" / name)
    stage = {"cmd": TRAIN, "deps": [f"data/{name}" for name in INPUTS], "params": ["models.mask"], **OUTS}
    YAML().dump({"stages": {"train": stage | {"matrix": {"model": ["mask"], "fold": [0]}}}}, root / "dvc.yaml")
    settings = YAML(typ="safe").load(ROOT / "params.yaml")
    YAML().dump(settings | {"models": settings["models"] | {"mask": MODEL}, "kubeflow": CLUSTER}, root / "params.yaml")
    (root / ".dvcignore").touch()
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text(
        f"[core]\nno_scm = true\nremote = storage\n['remote \"storage\"']\nurl = {storage}\n"
    )
    with repository(root) as opened:
        opened.add([f"data/{name}" for name in INPUTS])
        opened.push()
    monkeypatch.setattr(task, "prepared", partial(prepared, project=root))
    monkeypatch.setattr(ending, "scratch", partial(scratch, project=root))
    monkeypatch.setattr(nodes, "PERIOD", 1)
    monkeypatch.setenv(task.RUN, "run-1")
    for name, value in task.environment(f"sqlite:///{trainable}/mlflow.db", "faces").items():
        monkeypatch.setenv(name, value)
    return root


@pytest.fixture
def cluster(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster that the task's service account reaches."""
    (tmp_path / "logs").mkdir()
    with serving(Cluster(project, tmp_path / "logs")) as served:
        connect = nodes.connect
        monkeypatch.setattr(nodes, "connect", lambda: connect(served.configuration()))
        yield served


def history(entry: str, storage: str) -> pd.DataFrame:
    """The epochs of a training, from the remote."""
    (digest,) = [out["md5"] for out in locks.unpack(entry)[STAGE]["outs"] if out["path"].endswith("epochs.csv")]
    return pd.read_csv(Path(storage, "files", "md5", digest[:2], digest[2:]))


def test_two_nodes_learn_what_one_learns(
    project: Path, cluster: Cluster, storage: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = dsl.Metrics(uri=str(tmp_path / "metrics"))
    together = task.run(STAGE, [], storage, shown=[shown], image="faces:v1")
    assert "torch.distributed.run" in capfd.readouterr().out, "the log of the first node is the task's"
    (job,) = cluster.made
    assert (job["spec"]["trainer"]["image"], job["spec"]["trainer"]["numNodes"]) == ("faces:v1", 2)
    assert cluster.jobs == {}, "the task removes its job"
    (tmp_path / "other").mkdir()
    with scratch(storage, project=project) as root, repository(root) as opened:
        pushed = opened.cloud.get_remote()
        pushed.fs.rm(pushed.fs.join(pushed.path, "runs"), recursive=True)
    alone = task.run(STAGE, [], storage)
    assert np.allclose(history(together, storage), history(alone, storage), rtol=1e-3)
    assert shown.metadata["macro_f1"] == pytest.approx(history(alone, storage)["val_macro_f1"].iloc[-1], rel=1e-3)
    assert task.run(STAGE, [], storage, image="faces:v1") == alone, "from the run-cache"
    assert cluster.made == [job]


def test_a_node_that_fails_fails_the_task(
    project: Path, cluster: Cluster, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "COMMAND", ("python", "-c", "raise SystemExit(3)"))
    with pytest.raises(InputError, match=rf"TrainJob train-\w+ of stage '{STAGE}': failed; its log is above"):
        task.run(STAGE, [], storage, image="faces:v1")
    assert cluster.jobs == {}


def test_nodes_that_end_without_a_result_fail_the_task(
    project: Path, cluster: Cluster, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "COMMAND", ("python", "-c", "pass"))
    with pytest.raises(InputError, match="the nodes have ended, and the DVC remote has no result"):
        task.run(STAGE, [], storage, image="faces:v1")


def started(cluster: Cluster, project: Path, storage: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The TrainJob of a task whose nodes do nothing but to end."""
    monkeypatch.setattr(nodes, "COMMAND", ("python", "-c", "pass"))
    stage = graph.read(project)[STAGE]
    nodes.Training(stage, [], storage, ["models.mask.epochs=2"], "faces:v1", "run-1").run(project)
    return cluster.made[-1]


def test_a_job_has_what_a_task_of_its_kind_has(
    project: Path, cluster: Cluster, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(cluster, project, storage, monkeypatch)
    assert job["metadata"]["labels"] == CLUSTER["labels"]
    assert job["spec"]["runtimeRef"] == {"name": "torch-distributed", "kind": "ClusterTrainingRuntime"}
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    assert job["spec"]["trainer"]["resourcesPerNode"]["limits"] == {"cpu": "4", "memory": "4Gi"}
    (patch,) = job["spec"]["runtimePatches"]
    (replicated,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = replicated["template"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"zone": "b"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    items = [{"key": "KEY", "path": "DVC_S3_ACCESS_KEY_ID"}]
    assert volumes["secret-0"]["secret"] == {"secretName": "storage", "optional": True, "items": items}
    assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "4Gi"}
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts == {"shared-memory": "/dev/shm", "scratch": "/tmp", "secret-0": f"{node.SECRETS}/0"}
    given = {each["name"]: each["value"] for each in job["spec"]["trainer"]["env"]}
    assert given["PIPELINE_RUN"] == "kubeflow run-1"
    assert json.loads(packing.unpack(given[node.TRAINING], "training")) == {
        "stage": STAGE,
        "parents": [],
        "storage": storage,
        "overrides": ["models.mask.epochs=2"],
    }


def test_the_job_of_an_attempt_that_was_killed_is_awaited_and_not_made_again(
    project: Path, cluster: Cluster, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "end", lambda *_: None)  # which a killed task does not come to
    started(cluster, project, storage, monkeypatch)
    started(cluster, project, storage, monkeypatch)
    assert len(cluster.made) == 1


def test_the_last_task_ends_the_jobs_that_killed_tasks_have_left(
    project: Path, cluster: Cluster, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(nodes, "end", lambda *_: None)
        started(cluster, project, storage, monkeypatch)
    assert list(cluster.jobs) == [nodes.job_name("run-1", STAGE)]
    monkeypatch.setattr(tracking, "end_pipeline_run", lambda _: None)
    ending.finish("FAILED", "", storage, None, dsl.Artifact(uri=str(tmp_path / "summary")))
    assert cluster.jobs == {}


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubeflow.trainer", None)
    with pytest.raises(InputError, match='make image EXTRAS="nodes"'):
        nodes.connect()


def test_outside_of_a_cluster_the_task_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    with pytest.raises(InputError, match="needs a Kubernetes cluster: "):
        nodes.connect()


def test_on_one_machine_the_task_of_several_nodes_trains_itself() -> None:
    compiled = specification.read(ROOT / specification.FILE)
    train = specification.tasks(compiled)["train"]
    train["inputs"]["parameters"]["image"] = {"componentInputParameter": "pipelinechannel--image"}
    alone = local._without_cluster(compiled, Arguments("", "", "", [], "faces:v1", "faces:v1-slim"), "run-1")
    assert "image" not in specification.tasks(alone)["train"]["inputs"]["parameters"]


def test_mounted_secrets_are_variables_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "DVC_S3_ACCESS_KEY_ID").write_text("key")
    assert node.secrets(tmp_path.iterdir()) == {"DVC_S3_ACCESS_KEY_ID": "key"}
