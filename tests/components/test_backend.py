"""pipeline.yaml against the rules of a real backend, which no local run applies."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.backend import faults
from tests.support.workspace import ROOT

PARAMETER = "{{$.inputs.parameters['pipelinechannel--image']}}"
Documents = list[Any]


def container(documents: Documents) -> Any:
    return documents[0]["deploymentSpec"]["executors"]["exec-train"]["container"]


def pod(documents: Documents) -> Any:
    return documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"]


def retry(documents: Documents) -> Any:
    components = documents[0]["components"].values()
    dags = [documents[0]["root"]["dag"], *(each["dag"] for each in components if "dag" in each)]
    return next(dag["tasks"]["train"] for dag in dags if "train" in dag["tasks"])["retryPolicy"]


@pytest.fixture(scope="module")
def compiled() -> Documents:
    """Both documents of pipeline.yaml."""
    return list(YAML(typ="safe").load_all(ROOT / "pipeline.yaml"))


def test_a_backend_takes_the_compiled_pipeline(compiled: Documents) -> None:
    assert faults(*compiled) == []


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda each: container(each).update(image=f"repository:{PARAMETER}"), 'image "repository:{{'),
        (lambda each: container(each).update(image="Repository:latest"), "image 'Repository:latest'"),
        (lambda each: container(each)["resources"].update(resourceMemoryLimit="24 GB"), "resourceMemoryLimit"),
        (lambda each: container(each)["resources"].update(resourceMemoryLimit=f"{PARAMETER}Gi"), "resourceMemoryLimit"),
        (lambda each: container(each)["env"].append({"name": "AWS_REGION", "value": "x"}), "env AWS_REGION"),
        (lambda each: pod(each)["secretAsEnv"][0].update(secretName="Dvc_remote"), "secret 'Dvc_remote'"),
        (lambda each: pod(each)["secretAsEnv"][0]["keyToEnv"][0].update(envVar="AWS_PROFILE"), "env AWS_PROFILE"),
        (lambda each: pod(each).update(nodeSelector={"labels": {"zone": f"a-{PARAMETER}"}}), "label zone"),
        (lambda each: pod(each).update(podMetadata={"labels": {"queue": "x" * 64}}), "label queue"),
        (lambda each: retry(each).update(backoffMaxDuration="3600s"), "backoffMaxDuration 3600s ends before"),
        (lambda each: retry(each).update(backoffFactor=1.5), "backoffFactor 1.5"),
        (lambda each: each[0].update(padding="x" * 1_500_000), "bytes"),
    ],
)
def test_what_a_backend_would_refuse_or_misread_is_found(
    damage: Callable[[Documents], Any], fault: str, compiled: Documents
) -> None:
    damaged = deepcopy(compiled)
    damage(damaged)
    assert any(fault in each for each in faults(*damaged))
