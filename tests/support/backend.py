"""What a Kubeflow Pipelines backend and Kubernetes refuse of a compiled pipeline, or silently take for something else.

The rules are those of backend/src/v2/driver, of its Argo compiler, and of Kubernetes' API.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

LARGEST = 1_500_000  # bytes that etcd takes
PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['[\w-]+'\]\}\}")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KEY = re.compile(r"((?=[^/]{1,253}/)[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
IMAGE = re.compile(r"[a-z0-9]([a-z0-9._/-]|:\d+/)*(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?")


def faults(specification: dict[str, Any], platform: dict[str, Any]) -> list[str]:
    """The faults of the two documents of a compiled file, a line each."""
    size = len(json.dumps([specification, platform]))
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    containers = {key: value["container"] for key, value in specification["deploymentSpec"]["executors"].items()}
    found = [f"{size} bytes"] if size > LARGEST else []
    found += [f"pipeline name {name}" for name in [specification["pipelineInfo"]["name"]] if not LABEL.fullmatch(name)]
    for key, container in containers.items():
        found += [f"{key}: {fault}" for fault in (*_of_container(container), *_of_pod(pods[key]))]
    for name, task, executor in _tasks(specification, specification["root"]["dag"]):
        found += [f"task {name}: {fault}" for fault in _of_task(name, task, pods[executor])]
    return found


def _tasks(specification: dict[str, Any], dag: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """All tasks with their executors, those of nested graphs too."""
    for name, task in dag["tasks"].items():
        component = specification["components"][task["componentRef"]["name"]]
        if "dag" in component:
            yield from _tasks(specification, component["dag"])
        else:
            yield name, task, component["executorLabel"]


def _of_container(container: dict[str, Any]) -> Iterator[str]:
    resources = container["resources"]
    accelerator = resources.get("accelerator", {})
    quantities = {name: value for name, value in resources.items() if name != "accelerator"}
    yield from _unfit("image", container["image"], IMAGE)
    for name, value in quantities.items():
        if name.startswith("resource"):
            yield from _unfit(name, value, QUANTITY)
    if accelerator:
        yield from _unfit("accelerator", accelerator["resourceType"], KEY)
        yield from _unfit("accelerators", accelerator["resourceCount"], re.compile(r"[1-9]\d*"))
    for variable in container.get("env", []):
        yield from _unfit("env", variable["name"], re.compile(r"[A-Za-z_]\w*"))
        if variable["name"].startswith("AWS_"):
            yield f"env {variable['name']} reaches the launcher"


def _of_pod(pod: dict[str, Any]) -> Iterator[str]:
    metadata = pod.get("podMetadata", {})
    yield from (fault for text in _texts(pod) for fault in _unfit("text", text, re.compile(r"[^{}]*")))
    for secret in pod.get("secretAsEnv", []):
        yield from _unfit("secret", secret["secretName"], SUBDOMAIN)
        names = [key["envVar"] for key in secret["keyToEnv"]]
        yield from (f"env {name} reaches the launcher" for name in names if name.startswith("AWS_"))
    for secret in pod.get("imagePullSecret", []):
        yield from _unfit("pull secret", secret["secretName"], SUBDOMAIN)
    for claim in pod.get("pvcMount", []):
        yield from _unfit("claim", claim["constant"], SUBDOMAIN)
    for volume in pod.get("emptyDirMounts", []):
        yield from _unfit("volume", volume["volumeName"], LABEL)
        yield from _unfit("size", volume["sizeLimit"], QUANTITY)
    for labels in (metadata.get("labels", {}), pod.get("nodeSelector", {}).get("labels", {})):
        for key, value in labels.items():
            yield from (*_unfit("label", key, KEY), *_unfit(f"label {key}", value, VALUE))


def _of_task(name: str, task: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    yield from _unfit("name", name, LABEL)
    retry = task.get("retryPolicy")
    if retry is None:
        return
    if not float(retry["backoffFactor"]).is_integer():
        yield f"backoffFactor {retry['backoffFactor']} is parsed as a whole number"
    least = (retry["maxRetryCount"] + 1) * int(pod["activeDeadlineSeconds"])
    if int(retry["backoffMaxDuration"].removesuffix("s")) < least:
        yield f"backoffMaxDuration {retry['backoffMaxDuration']} ends before all attempts: they may take {least}s"


def _unfit(name: str, value: object, pattern: "re.Pattern[str]") -> Iterator[str]:
    """A fault unless a field is a constant that fits, or a whole placeholder."""
    text = str(value)
    if not (PLACEHOLDER.fullmatch(text) or pattern.fullmatch(text)):
        yield f"{name} {text!r}"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
