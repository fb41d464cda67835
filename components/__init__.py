"""The KFP components, one per kind of stage: typed interfaces whose body is one call."""

from functools import partial
from importlib import import_module, util
from typing import Any

from kfp import dsl

from pipeline.foundation.errors import InputError

component = partial(dsl.component, base_image="python", install_kfp_package=False)  # the pipeline names the image


def find(kind: str) -> Any:
    """The component of a kind of stage: components/<kind>.py; raises `InputError` when there is none."""
    module = f"{__name__}.{kind}"
    if not kind.isidentifier() or util.find_spec(module) is None:
        raise InputError(f"dvc.yaml: stage '{kind}' has no component; write components/{kind}.py")
    return getattr(import_module(module), kind)
