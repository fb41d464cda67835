"""The kubeflow section: what a cluster would refuse is refused here, with the key's name."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config.kubeflow import Kubeflow

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
    ],
)
def test_what_a_cluster_would_refuse_is_refused(section: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Kubeflow.model_validate(section)
