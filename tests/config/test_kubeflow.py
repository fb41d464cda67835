"""The kubeflow section: what a cluster would refuse is refused here, with the key's name."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config.kubeflow import Kubeflow, Retry

GPU = {"accelerator": "nvidia.com/gpu", "accelerators": 1}


def test_a_kind_that_is_not_named_gets_the_default() -> None:
    settings = Kubeflow.model_validate({"stages": {"default": {"cpu": 1}, "train": GPU}})
    assert settings.resources("split").cpu == 1
    assert settings.resources("split").accelerator is None
    assert settings.resources("train").accelerators == 1


def test_without_a_section_nothing_asks_for_a_gpu() -> None:
    assert Kubeflow().resources("train").accelerators == 0


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"stages": {"train": GPU}}, "`default` is missing"),
        ({"stages": {"default": {"accelerator": "nvidia.com/gpu"}}}, "come together"),
        ({"stages": {"default": {"accelerators": 2}}}, "come together"),
        ({"stages": {"default": {"memory": "4 GB"}}}, "memory"),
        ({"stages": {"default": {"tolerations": [{"operator": "Is"}]}}}, "operator"),
        ({"volume": {"claim": "all", "path": "mnt"}}, "path"),
        ({"pull": "Sometimes"}, "pull"),
        ({"retry": {"times": -1}}, "times"),
        ({"retry": {"factor": 1.5}}, r"retry\.factor"),
        ({"stages": {"default": {"memory": "4K"}}}, r"stages\.default\.memory"),
        ({"stages": {"default": {"cpu": 0.0001}}}, r"stages\.default\.cpu"),
        ({"stages": {"default": {"cpu": float("inf")}}}, r"stages\.default\.cpu"),
        ({"stages": {"default": {"node_selector": {"zone": "a b"}}}}, r"node_selector\.zone"),
        ({"stages": {"default": {"node_affinity": [{"key": "zone", "operator": "In"}]}}}, "needs values"),
        ({"stages": {"default": {"tolerations": [{"operator": "Exists", "value": "x"}]}}}, "takes no value"),
        ({"stages": {"default": {"tolerations": [{"value": "x"}]}}}, "needs a key"),
        ({"image": "Mine:latest"}, "image"),
        ({"image": "mine:{{tag}}"}, "image"),
        ({"volume": {"claim": "My_claim"}}, r"volume\.claim"),
        ({"secrets": {"dvc_remote": {}}}, "secrets"),
        ({"secrets": {"dvc-remote": {"key": "MY-KEY"}}}, r"secrets\.dvc-remote\.key"),
        ({"secrets": {"dvc-remote": {"key": "AWS_ACCESS_KEY_ID"}}}, "would reach Kubeflow's own launcher"),
        ({"pull_secrets": ["Registry"]}, r"pull_secrets\.0"),
        ({"service_account": "me@example"}, "service_account"),
        ({"labels": {"queue": "x" * 64}}, r"labels\.queue"),
        ({"labels": {"-queue": "x"}}, "labels"),
        ({"security_context": {}}, "give user, group or both"),
        ({"security_context": {"user": 0}}, r"security_context\.user"),
        ({"stages": {"default": {}, "crop": {"nodes": 2}}}, "crop: nodes: only train, pseudo_label, refit"),
        ({"stages": {"default": {}, "train": {"nodes": 0}}}, r"stages\.train\.nodes"),
    ],
)
def test_what_a_cluster_would_refuse_is_refused(section: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Kubeflow.model_validate(section)


@pytest.mark.parametrize("image", ["faces", "registry.example.org:5000/a/faces:v1", f"faces@sha256:{'0' * 64}"])
def test_an_image_has_a_tag_or_a_digest_or_neither(image: str) -> None:
    assert Kubeflow(image=image).image == image


def test_the_longest_wait_is_enough_for_every_attempt() -> None:
    assert Retry(times=2, wait=60, factor=2).longest(100) == 3 * 100 + 60 + 120
    assert Retry(times=0).longest(100) == 100
