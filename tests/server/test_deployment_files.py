"""What is in mlflow/: a compose file, images and manifests that agree with each other and leave nothing open."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from kubernetes.client import ApiClient, Configuration
from ruamel.yaml import YAML

from pipeline.config import params
from tests.server import compose

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r".+:v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$")
SECRETS = compose.secrets()
JOBS = ("backup", "collect", "upgrade")
WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


def version(package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert found
    return found[1]


def manifests() -> list[dict[str, Any]]:
    texts = [path.read_text() for path in sorted((compose.FOLDER / "kubernetes").glob("*.yaml"))]
    return [manifest for text in texts for manifest in YAML(typ="safe").load_all(text)]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The specification of every workload's pods, by name."""
    for manifest in manifests():
        if manifest["kind"] in WORKLOADS:
            spec = manifest["spec"]
            spec = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
            yield manifest["metadata"]["name"], spec["template"]["spec"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods():
        for container in pod["containers"]:
            yield name, container


def kustomization() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(compose.FOLDER / "kustomization.yaml")
    return read


def test_there_is_no_python_that_would_hide_the_installed_mlflow() -> None:
    assert not list(compose.FOLDER.rglob("*.py"))


@pytest.mark.parametrize("name", SECRETS)
def test_compose_starts_only_with_every_secret_given(name: str) -> None:
    with pytest.raises(KeyError, match=rf"{name}: needs secrets, mlflow/secrets > mlflow/\.env"):
        compose.read({secret: value for secret, value in SECRETS.items() if secret != name})


def test_secrets_are_new_every_time() -> None:
    again = compose.secrets()
    assert again.keys() == SECRETS.keys()
    assert not set(again.values()) & set(SECRETS.values())


def test_no_secret_has_a_value_in_the_compose_file() -> None:
    given = [
        value
        for service in compose.read(SECRETS)["services"].values()
        for value in service.get("environment", {}).items()
    ]
    secret = [(name, value) for name, value in given if re.search("PASSWORD|SECRET|ACCESS_KEY", name)]
    assert secret
    assert all(value in SECRETS.values() for _, value in secret)


@pytest.mark.parametrize("name", ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"])
def test_the_server_names_the_secret_that_is_missing(name: str) -> None:
    environment = compose.read(SECRETS)["services"]["mlflow"]["environment"]
    environment.pop(name)
    done = subprocess.run([compose.FOLDER / "serve"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert name in done.stderr


def test_every_image_is_of_one_version() -> None:
    services = compose.read(SECRETS)["services"]
    images = {service["image"] for service in services.values()}
    ours = {entry["name"]: f"{entry['name']}:{entry['newTag']}" for entry in kustomization()["images"]}
    on_kubernetes = {ours.get(container["image"], container["image"]) for _, container in containers()}
    dockerfile = (compose.FOLDER / "Dockerfile").read_text()
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)", dockerfile, re.MULTILINE))
    bases = {defaults.get(each.lstrip("$"), each) for each in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)}
    assert all(PINNED.match(image) for image in images | on_kubernetes | bases)
    assert all("@sha256:" in image for image in images - set(ours.values())), "what others build is pinned by digest"
    assert on_kubernetes == images - {services["tls"]["image"]}
    assert services["postgres"]["image"] in bases, "pg_dump is not older than the server"


def test_the_server_is_of_the_version_that_the_pipeline_has() -> None:
    services = compose.read(SECRETS)["services"]
    assert services["mlflow"]["image"] == f"mlflow-server:{version('mlflow')}"
    assert services["backup"]["image"] == f"mlflow-backup:{version('mlflow')}"
    for package in (compose.FOLDER / "requirements.txt").read_text().splitlines()[1:]:
        assert version(package), "the image takes its version from the lock"


def test_services_are_watched_confined_and_reached_only_where_meant() -> None:
    for name, service in compose.read(SECRETS)["services"].items():
        assert "healthcheck" in service or name in JOBS
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert set(service["networks"]) == {"inside"} or name in ("mlflow", "tls")
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []) if name != "tls")
    assert compose.read(SECRETS)["networks"]["inside"] == {"internal": True}


def test_what_must_last_is_on_named_volumes() -> None:
    read = compose.read(SECRETS)
    named = {volume.partition(":")[0] for service in read["services"].values() for volume in service.get("volumes", [])}
    assert named - {"./garage.toml"} == set(read["volumes"])


def test_compose_and_kubernetes_give_the_server_the_same_environment() -> None:
    services = compose.read(SECRETS)["services"]
    literals = dict(entry.split("=", 1) for entry in kustomization()["configMapGenerator"][1]["literals"])
    public = {"MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"}
    for name, container in containers():
        from_secret = {
            entry["name"]: SECRETS[entry["valueFrom"]["secretKeyRef"]["key"]]
            for entry in container["env"]
            if "valueFrom" in entry
        }
        service = services.get(name, services["mlflow"])  # `upgrade` is another command of the same image
        expected = service["environment"]
        assert from_secret.items() <= expected.items()
        assert len(from_secret) == sum(value in SECRETS.values() for value in expected.values()) or name == "upgrade"
        if "envFrom" in container:
            plain = {key: value for key, value in expected.items() if value not in SECRETS.values()}
            assert plain.items() - literals.items() <= {(key, plain.get(key)) for key in public}
        assert name == "upgrade" or container.get("command") == service.get("command")


def test_pods_are_confined_and_have_probes_and_resources() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys() or name in JOBS


def test_tasks_find_the_server_at_the_default_address() -> None:
    """The service of the shipped namespace, by a name that the server answers to, from where tasks run."""
    address = urlsplit(params.load(ROOT / "params.yaml").kubeflow.mlflow)
    service, namespace = str(address.hostname).split(".")
    (found,) = [each for each in manifests() if each["kind"] == "Service" and each["metadata"]["name"] == service]
    assert namespace == kustomization()["namespace"]
    assert address.port in [port["port"] for port in found["spec"]["ports"]]
    literals = dict(entry.split("=", 1) for entry in kustomization()["configMapGenerator"][1]["literals"])
    assert address.netloc in literals["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


def policy(name: str) -> dict[str, Any]:
    """The specification of a network policy."""
    (found,) = [each for each in manifests() if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name]
    spec: dict[str, Any] = found["spec"]
    return spec


def test_tasks_in_the_namespaces_of_profiles_are_let_in() -> None:
    """Kubeflow labels the namespaces that it makes for users."""
    (rule,) = policy("server")["ingress"]
    assert {"namespaceSelector": {"matchLabels": {"app.kubernetes.io/part-of": "kubeflow-profile"}}} in rule["from"]


def test_webhooks_leave_the_cluster_and_reach_nothing_inside() -> None:
    (rule,) = policy("webhooks")["egress"]
    (where,) = [each["ipBlock"] for each in rule["to"]]
    refused = [ip_network(each) for each in where["except"]]
    assert rule["ports"] == [{"port": 443}]
    assert where["cidr"] == "0.0.0.0/0"
    for inside in ("10.96.0.1", "169.254.169.254", "172.20.0.9", "192.168.1.1", "100.64.0.1"):
        assert any(ip_address(inside) in network for network in refused)


def test_the_ingress_reaches_the_server_and_who_answers_for_its_certificate() -> None:
    """cert-manager's pod stands in the namespace of the ingress, and listens on 8089."""
    reached = {
        (label, port["port"])
        for policy in (manifest["spec"] for manifest in manifests() if manifest["kind"] == "NetworkPolicy")
        for rule in policy.get("ingress", [])
        for label in policy["podSelector"].get("matchLabels", {}).items()
        for port in rule["ports"]
        if "ingress-nginx" in str(rule["from"])
    }
    assert reached == {(("app", "mlflow"), "http"), (("acme.cert-manager.io/http01-solver", "true"), 8089)}


@pytest.mark.parametrize(
    "manifest", manifests(), ids=lambda manifest: f"{manifest['kind']}-{manifest['metadata']['name']}"
)
def test_manifests_say_only_what_kubernetes_knows(manifest: dict[str, Any]) -> None:
    api = ApiClient(Configuration())
    understood = api.deserialize(SimpleNamespace(data=json.dumps(manifest)), f"V1{manifest['kind']}")
    assert api.sanitize_for_serialization(understood) == manifest


def test_kustomize_builds_what_is_here_and_only_with_secrets(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, which holds kustomize")
    folder = shutil.copytree(compose.FOLDER, tmp_path / "mlflow", ignore=shutil.ignore_patterns(".env"))
    build = ["kubectl", "kustomize", str(folder)]
    without = subprocess.run(build, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert ".env" in without.stderr
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    built = list(YAML(typ="safe").load_all(subprocess.run(build, capture_output=True, text=True, check=True).stdout))
    kinds = [manifest["kind"] for manifest in built]
    assert {"Namespace", "Ingress", "NetworkPolicy", "Secret", "Service", *WORKLOADS} <= set(kinds)
    assert all(
        manifest["metadata"].get("namespace") == "mlflow" for manifest in built if manifest["kind"] != "Namespace"
    )
    (ingress,) = [manifest["spec"] for manifest in built if manifest["kind"] == "Ingress"]
    assert ingress["tls"][0]["hosts"] == [rule["host"] for rule in ingress["rules"]]
