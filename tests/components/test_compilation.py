"""compilation: every stage is a task, every edge of dvc.yaml an edge, and every setting reaches the pods."""

import inspect
import json
import shutil
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components import compilation
from components.stages import stage_component
from pipeline.foundation.errors import InputError
from pipeline.orchestration import graph, packing
from pipeline.orchestration.graph import Graph, Stage
from pipeline.orchestration.kubeflow import specification
from pipeline.orchestration.workspace import run_files
from tests.support import backend

ROOT = Path(__file__).parents[2]
GPU = {"cpu": 8, "memory": "32Gi", "accelerator": "nvidia.com/gpu", "accelerators": 1, "timeout": 7200}
TOLERATION = {"key": "gpu", "operator": "Equal", "value": "a100", "effect": "NoSchedule"}
AFFINITY = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["A100", "H200"]}
CLUSTER = {
    "image": "images/faces:1.2",
    "slim_image": "images/faces:1.2-slim",
    "pull": "Always",
    "pull_secrets": ["registry"],
    "secrets": {"storage": {"AWS_ACCESS_KEY_ID": "DVC_S3_ACCESS_KEY_ID"}},
    "labels": {"kueue.x-k8s.io/queue-name": "gpus"},
    "annotations": {"example.org/cost": "team A"},
    "security_context": {"user": 2000, "group": 3000},
    "priority_class": "urgent",
    "time_to_live": 86400,
    "volume": {"claim": "everybody", "path": "/mnt/everybody"},
    "shared_memory": "8Gi",
    "retry": {"times": 3, "wait": 30, "factor": 2},
    "stages": {
        "default": {"cpu": 1.5, "memory": "4Gi"},
        "train": GPU | {"node_selector": {"zone": "b"}, "node_affinity": [AFFINITY], "tolerations": [TOLERATION]},
        "refit": GPU,
    },
}

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


class Compiled:
    """The pipeline of a folder, by the stages' names."""

    def __init__(self, root: Path, code: Path | None = None) -> None:
        self.root = root
        self.graph: Graph = graph.read(root)
        self.text = compilation.text(root, code)
        self.specification, self.platform = YAML(typ="safe").load_all(self.text)
        tasks = specification.tasks(self.specification)
        self.tasks: dict[str, Any] = {task["taskInfo"]["name"]: task for task in tasks.values()}
        self.names = {key: task["taskInfo"]["name"] for key, task in tasks.items()}

    def container(self, name: str) -> Mapping[str, Any]:
        executors = self.specification["deploymentSpec"]["executors"]
        return dict(executors[self._executor(name)]["container"])

    def pod(self, name: str) -> Mapping[str, Any]:
        kubernetes = self.platform["platforms"]["kubernetes"]
        return dict(kubernetes["deploymentSpec"]["executors"][self._executor(name)])

    def ancestors(self, name: str) -> set[str]:
        """The tasks that have ended before one starts."""
        before = {self.names.get(key, "stages") for key in self.tasks[name].get("dependentTasks", [])}
        return before.union(*(self.ancestors(each) for each in before))

    def _executor(self, name: str) -> str:
        component = self.tasks[name]["componentRef"]["name"]
        return str(self.specification["components"][component]["executorLabel"])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Three models on five folds, refitted, with four shards of crops."""
    return Compiled(project(tmp_path_factory.mktemp("project")))


def project(root: Path, **settings: object) -> Path:
    """A folder with dvc.yaml and those parameters, and more settings of the cluster."""
    shutil.copy(ROOT / "dvc.yaml", root)
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    params["split"]["folds"] = 5
    params["train"]["folds"] = [0, 1, 2, 3, 4]
    params["refit"]["models"] = params["train"]["models"]
    params["crop"]["shards"] = [0, 1, 2, 3]
    YAML().dump(params | {"kubeflow": CLUSTER | settings}, root / "params.yaml")
    return root


def test_every_stage_is_a_task_under_its_dvc_name(full: Compiled) -> None:
    assert set(full.tasks) == {*full.graph, "join", "finish"}
    assert {f"train@{model}-{fold}" for model in ("mask", "gender", "age") for fold in range(5)} < set(full.tasks)
    assert {f"crop@{shard}" for shard in range(4)} < set(full.tasks)


def test_the_edges_are_those_of_dvc_and_all_stages_lead_to_the_end(full: Compiled) -> None:
    edges = {
        name: {full.names.get(key, "stages") for key in task.get("dependentTasks", [])}
        for name, task in full.tasks.items()
    }
    assert edges.pop("join") == set(full.graph)
    assert edges.pop("finish") == {"stages"}
    assert edges == {name: set(stage.parents) for name, stage in full.graph.items()}


def test_only_trainings_ask_for_a_gpu_and_know_that_they_did(full: Compiled) -> None:
    asking = {name for name in full.tasks if "accelerator" in full.container(name)["resources"]}
    assert {name.partition("@")[0] for name in asking} == {"train", "refit"}
    for name in asking:
        accelerator = full.container(name)["resources"]["accelerator"]
        assert (accelerator["resourceType"], accelerator["resourceCount"]) == ("nvidia.com/gpu", "1")
        assert {"name": "PIPELINE_ACCELERATORS", "value": "1"} in full.container(name)["env"]


def test_processors_and_memory_go_by_the_kind_of_stage(full: Compiled) -> None:
    for name, cpu, memory in (("train@age-4", "8", "32Gi"), ("crop@3", "1.5", "4Gi"), ("join", "1.5", "4Gi")):
        resources = full.container(name)["resources"]
        assert {resources[f"resourceCpu{end}"] for end in ("Limit", "Request")} == {cpu}
        assert {resources[f"resourceMemory{end}"] for end in ("Limit", "Request")} == {memory}


def test_trainings_go_to_the_nodes_that_are_meant_for_them(full: Compiled) -> None:
    pod = full.pod("train@mask-0")
    assert pod["nodeSelector"]["labels"] == {"zone": "b"}
    assert pod["tolerations"] == [TOLERATION]
    assert pod["nodeAffinity"] == [{"matchExpressions": [AFFINITY]}]
    assert "tolerations" not in full.pod("refit@mask")


def test_every_pod_has_shared_memory_scratch_space_the_volume_and_the_secrets(full: Compiled) -> None:
    for name in full.tasks:
        pod = full.pod(name)
        mounts = {mount["mountPath"]: mount for mount in pod["emptyDirMounts"]}
        assert (mounts["/dev/shm"]["medium"], mounts["/dev/shm"]["sizeLimit"]) == ("Memory", "8Gi")
        assert "medium" not in mounts["/tmp"]
        (volume,) = pod["pvcMount"]
        assert (volume["constant"], volume["mountPath"]) == ("everybody", "/mnt/everybody")
        assert {"name": "PIPELINE_SHARED", "value": "/mnt/everybody"} in full.container(name)["env"]
        (secret,) = pod["secretAsEnv"]
        assert secret["secretName"] == "storage"
        assert secret["keyToEnv"] == [{"secretKey": "AWS_ACCESS_KEY_ID", "envVar": "DVC_S3_ACCESS_KEY_ID"}]


def test_every_task_is_pulled_labelled_and_run_as_the_settings_say(full: Compiled) -> None:
    for name in full.tasks:
        pod = full.pod(name)
        assert [secret["secretName"] for secret in pod["imagePullSecret"]] == ["registry"]
        assert pod["podMetadata"]["labels"] == {
            "kueue.x-k8s.io/queue-name": "gpus",
            "kueue.x-k8s.io/priority-class": "urgent",
        }
        assert pod["podMetadata"]["annotations"] == {"example.org/cost": "team A"}
        assert pod["securityContext"] == {"runAsUser": "2000", "runAsGroup": "3000", "runAsNonRoot": True}


def test_finished_runs_go_away_after_a_time(full: Compiled) -> None:
    config = full.platform["platforms"]["kubernetes"]["pipelineConfig"]
    assert config == {"resourceTtlOnCompletion": 86400}


def test_every_task_has_a_time_limit_and_is_repeated_whenever_it_fails_and_never_taken_from_kubeflows_cache(
    full: Compiled,
) -> None:
    for name, task in full.tasks.items():
        timeout = 7200 if name.startswith(("train", "refit")) else 3600
        assert full.pod(name)["activeDeadlineSeconds"] == str(timeout)
        longest = f"{4 * timeout + 30 + 60 + 120}s"
        retry = {"maxRetryCount": 3, "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": longest}
        assert task["retryPolicy"] == retry
        assert not task["cachingOptions"].get("enableCache")


def test_the_images_of_all_tasks_are_parameters_and_install_nothing(full: Compiled) -> None:
    networks = {"crop", "train", "refit", "pseudo_label", "infer", "infer_refit", "infer_pseudo_label"}
    for name in full.tasks:
        container = full.container(name)
        image = "image" if name.partition("@")[0] in networks else "slim_image"
        assert container["image"] == f"{{{{$.inputs.parameters['pipelinechannel--{image}']}}}}"
        assert "pip install" not in str(container["command"])
        assert full.pod(name)["imagePullPolicy"] == "Always"


def test_everything_that_a_run_can_be_given_has_a_default(full: Compiled) -> None:
    given = full.specification["root"]["inputDefinitions"]["parameters"]
    assert {name: parameter.get("defaultValue") for name, parameter in given.items()} == {
        "remote": "s3://mask-gender-age/dvc",
        "mlflow": "http://mlflow.mlflow:5000",
        "experiment": "mask-gender-age-sample",
        "overrides": [],
        "image": "images/faces:1.2",
        "slim_image": "images/faces:1.2-slim",
    }


def test_the_pages_show_scores_matrices_reports_models_and_the_submission(full: Compiled) -> None:
    shown = {
        name: {key: artifact["artifactType"]["schemaTitle"] for key, artifact in outputs["artifacts"].items()}
        for name, task in full.tasks.items()
        if "artifacts"
        in (outputs := full.specification["components"][task["componentRef"]["name"]].get("outputDefinitions", {}))
    }
    assert shown["train@age-0"] == {"metrics": "system.Metrics", "model": "system.Model", "page": "system.HTML"}
    assert set(shown["ensemble"].values()) >= {"system.Metrics", "system.ClassificationMetrics", "system.HTML"}
    assert shown["submit"]["dataset"] == "system.Dataset"
    assert shown["report"] == {"page": "system.HTML"}
    assert shown["finish"] == {"lock": "system.Artifact", "summary": "system.Markdown"}


def test_the_last_task_runs_however_the_stages_end(full: Compiled) -> None:
    assert full.tasks["finish"]["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    (group,) = full.tasks["finish"]["dependentTasks"]
    assert full.specification["root"]["dag"]["tasks"][group]["componentRef"]["name"] == f"comp-{group}"


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_trainings_run_at_once_than_the_settings_say(full: Compiled, tmp_path: Path, most: int) -> None:
    limited = Compiled(project(tmp_path, parallel_trainings=most))
    trainings = [name for name, stage in full.graph.items() if stage.kind in ("train", "refit", "pseudo_label")]
    assert len(trainings) == 18
    before = {name: limited.ancestors(name) for name in trainings}
    alone = [pair for pair in combinations(trainings, 2) if pair[0] not in before[pair[1]]]
    assert len(independent(trainings, alone)) == most


def independent(names: list[str], pairs: list[tuple[str, str]]) -> list[str]:
    """The largest set of tasks of which none waits for another; found for few at once by trying."""
    found = [[name] for name in names]
    while more := [
        [*chosen, name] for chosen in found for name in names if all((one, name) in pairs for one in chosen)
    ]:
        found = more
    return found[0]


def test_the_task_of_a_training_on_several_nodes_waits_without_a_gpu_and_knows_their_image(
    full: Compiled, tmp_path: Path
) -> None:
    stages = {"default": {"cpu": 1.5, "memory": "4Gi"}, "train": GPU | {"nodes": 2}, "refit": GPU}
    several = Compiled(project(tmp_path, stages=stages))
    container, given = several.container("train@age-0"), several.tasks["train@age-0"]["inputs"]["parameters"]
    assert given["image"] == {"componentInputParameter": "pipelinechannel--image"}
    assert container["image"] == "{{$.inputs.parameters['pipelinechannel--slim_image']}}"
    assert container["resources"] == several.container("split")["resources"]
    assert several.pod("train@age-0")["activeDeadlineSeconds"] == "7200"
    assert {name for name, task in several.tasks.items() if "image" in task["inputs"]["parameters"]} == {
        name for name in full.graph if name.startswith("train@")
    }
    assert backend.faults(several.specification, several.platform) == []


def test_a_repeated_run_starts_no_pod_for_what_has_not_changed(full: Compiled) -> None:
    known = Compiled(full.root, ROOT)
    for name, task in known.tasks.items():
        assert bool(task["cachingOptions"].get("enableCache")) == (name in known.graph)
        assert "cacheKey" not in task["cachingOptions"], "the backend then takes no input into account"
        given = str(task["inputs"]["parameters"])
        assert "pipeline_job" not in given, "an input that differs from run to run"
    for name, stage in known.graph.items():
        inputs = known.tasks[name]["inputs"]["parameters"]
        assert inputs["code"]["runtimeValue"]["constant"] == graph.code_digest(stage, ROOT)
        assert inputs["parameters"]["runtimeValue"]["constant"] == graph.settings(stage, full.root)


def test_the_parameters_of_a_stage_are_inputs_of_its_task_alone(full: Compiled, tmp_path: Path) -> None:
    root = project(tmp_path)
    settings = YAML(typ="safe").load(root / "params.yaml")
    settings["models"]["age"]["epochs"] += 1
    YAML().dump(settings, root / "params.yaml")
    changed = Compiled(root)
    differs = {name for name in full.tasks if full.tasks[name] != changed.tasks[name]}
    assert differs == {name for name in full.graph if name.startswith(("train@age", "refit@age", "report"))}


def test_every_task_has_the_files_and_the_id_of_its_run(full: Compiled) -> None:
    for name in full.tasks:
        (packed,) = [each["value"] for each in full.container(name)["env"] if each["name"] == "PIPELINE_FILES"]
        assert json.loads(packing.unpack(packed, "files")) == run_files(full.root)
        (field,) = full.pod(name)["fieldPathAsEnv"]
        assert field == {"name": "PIPELINE_KUBEFLOW_RUN", "fieldPath": "metadata.labels['pipeline/runid']"}


def test_no_source_lines_of_callers_are_looked_up(full: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """kfp asks for them at every setting of a task: a minute among the modules of torch."""
    before, find, found = inspect.stack, inspect.findsource, list[Any]()

    def noted(frame: Any) -> Any:
        found.append(frame)
        return find(frame)

    with monkeypatch.context() as patch:
        patch.setattr(inspect, "findsource", noted)
        compilation.text(full.root)
    assert found == []
    assert inspect.stack is before


def test_compiling_again_gives_the_same_text(full: Compiled, tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    assert compilation.text(tmp_path) == compilation.text(tmp_path)


def test_a_missing_or_stale_file_is_refused(tmp_path: Path) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    with pytest.raises(InputError, match="kubeflow compile"):
        compilation.check(tmp_path)
    compilation.write(tmp_path)
    compilation.check(tmp_path)
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("timeout: 86400", "timeout: 7200"))
    with pytest.raises(InputError, match=r"pipeline\.yaml does not fit"):
        compilation.check(tmp_path)


def test_a_component_has_the_name_and_the_text_of_its_stage(full: Compiled) -> None:
    for stage in full.graph.values():
        component = stage_component(stage)
        assert (component.name, component.description) == (stage.kind.replace("_", "-"), stage.description)


@pytest.mark.parametrize(("metrics", "shown"), [((), []), (("scores.json",), ["metrics"])])
def test_a_kind_of_stage_that_no_component_knows_shows_its_metrics(metrics: tuple[str, ...], shown: list[str]) -> None:
    stage = Stage("dream@1", "true", "Dream.", (), (), (), (), metrics, metrics)
    assert list(stage_component(stage).component_spec.outputs) == [*shown, "Output"]
