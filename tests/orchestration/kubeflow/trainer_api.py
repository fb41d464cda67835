"""A Kubernetes API on this machine that knows Kubeflow Trainer's objects and runs the nodes of a TrainJob as processes.

Variables and refusals are those of Kubeflow Trainer's plugin for torch and of its webhooks; bodies are read and written
as the models of kubeflow_trainer_api.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from tests.support import loopback

NAMESPACE = "team"
TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"
JOBS = f"{TRAINER}/namespaces/{NAMESPACE}/trainjobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
CREATED = "2026-01-01T00:00:00Z"
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
RUNTIME = {
    "apiVersion": "trainer.kubeflow.org/v1alpha1",
    "kind": "ClusterTrainingRuntime",
    "metadata": {"name": "torch-distributed", "labels": {"trainer.kubeflow.org/framework": "torch"}},
    "spec": {
        "mlPolicy": {"numNodes": 1, "torch": {"numProcPerNode": "auto"}},
        "template": {
            "spec": {
                "replicatedJobs": [
                    {
                        "name": "node",
                        "template": {
                            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                            "spec": {"template": {"spec": {"containers": [{"name": "node", "image": "pytorch"}]}}},
                        },
                    }
                ]
            }
        },
    },
}


@dataclass
class Cluster:
    """A cluster; `root` is the folder that the image has, in which nodes start."""

    root: Path
    logs: Path
    address: str = ""
    made: list[dict[str, Any]] = field(default_factory=list)  # every TrainJob that was created
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)  # those that there are
    nodes: dict[str, list["subprocess.Popen[bytes]"]] = field(default_factory=dict)

    def configuration(self) -> Any:
        """What a client of the SDK needs to reach this cluster."""
        from kubeflow.trainer import KubernetesBackendConfig
        from kubernetes import client

        return KubernetesBackendConfig(
            namespace=NAMESPACE, client_configuration=client.Configuration(host=self.address)
        )

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        match method, path:
            case "GET", "/api/v1/namespaces/kubeflow-system/configmaps/kubeflow-trainer-public":
                return 200, {"data": {"kubeflow_trainer_version": "2.3.0"}}
            case "GET", runtime if runtime == f"{TRAINER}/clustertrainingruntimes/torch-distributed":
                return 200, RUNTIME
            case "POST", posted if posted == JOBS:
                return self._create(json.loads(body))
            case "GET", listed if listed == PODS:
                return 200, {"kind": "PodList", "items": [pod for name in self.jobs for pod in self._pods(name)]}
        name = path.removeprefix(f"{JOBS}/")
        if name not in self.jobs:
            return 404, {"reason": "NotFound", "code": 404, "message": f"{path} not found"}
        if method == "DELETE":
            self.stop(name)
            return 200, self.jobs.pop(name)
        return 200, self.jobs[name] | {"status": {"conditions": self._conditions(name)}}

    def log(self, pod: str) -> Iterator[bytes]:
        """The log of a pod as it is written, until its node has ended."""
        job, _, rank = pod.rpartition("-node-")
        process = self.nodes[job][int(rank)]
        with (self.logs / pod).open("rb") as file:
            while process.poll() is None:
                yield from iter(file.readline, b"")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            yield from file

    def stop(self, name: str) -> None:
        for node in self.nodes[name]:
            node.kill()
            node.wait()

    def _create(self, job: dict[str, Any]) -> tuple[int, Any]:
        name, trainer = job["metadata"]["name"], job["spec"]["trainer"]
        patched = [
            container
            for patch in job["spec"]["runtimePatches"]
            for replicated in patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
            for container in replicated["template"]["spec"]["template"]["spec"]["containers"]
        ]
        faults = [each["name"] for each in trainer["env"] if each["name"].startswith("PET_")]
        faults += [container["name"] for container in patched if "env" in container]
        if faults or not NAME.fullmatch(name) or name in self.jobs:
            return 422, {"reason": "Invalid", "code": 422, "message": f"{name}: {', '.join(faults)}"}
        job["metadata"] |= {"namespace": NAMESPACE, "creationTimestamp": CREATED}
        self.jobs[name] = job
        self.made.append(job)
        port = _free_port()
        self.nodes[name] = [self._start(name, trainer, rank, port) for rank in range(trainer["numNodes"])]
        return 201, job

    def _start(self, name: str, trainer: dict[str, Any], rank: int, port: int) -> "subprocess.Popen[bytes]":
        """Start a node with the variables of the torch plugin; several processes per node is the plugin's `auto`."""
        plugin = {
            "PET_NNODES": str(trainer["numNodes"]),
            "PET_NPROC_PER_NODE": trainer["resourcesPerNode"]["limits"]["cpu"],
            "PET_NODE_RANK": str(rank),
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": str(port),
        }
        own = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        quiet = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        given = {each["name"]: each["value"] for each in trainer["env"]}
        with (self.logs / f"{name}-node-{rank}").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *trainer["command"][1:]],
                cwd=self.root,
                env=own | quiet | plugin | given,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _pods(self, name: str) -> Iterator[dict[str, Any]]:
        phases = {None: "Running", 0: "Succeeded"}
        for rank, node in enumerate(self.nodes[name]):
            labels = {
                "jobset.sigs.k8s.io/jobset-name": name,
                "jobset.sigs.k8s.io/replicatedjob-name": "node",
                "batch.kubernetes.io/job-completion-index": str(rank),
            }
            yield {
                "metadata": {"name": f"{name}-node-{rank}", "labels": labels, "creationTimestamp": CREATED},
                "spec": {"containers": [{"name": "node", "image": "faces"}]},
                "status": {"phase": phases.get(node.poll(), "Failed")},
            }

    def _conditions(self, name: str) -> list[dict[str, Any]]:
        """That all nodes have succeeded, or one has failed; the others then wait for it no longer."""
        statuses = [node.poll() for node in self.nodes[name]]
        if any(statuses):
            self.stop(name)
        ended = "Failed" if any(statuses) else "Complete" if None not in statuses else ""
        condition = {"type": ended, "status": "True", "reason": "JobsEnded", "message": ""}
        return [condition | {"lastTransitionTime": CREATED}] if ended else []


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (path := urlparse(self.path).path).startswith(f"{PODS}/"):
                self._stream(cluster.log(path.removeprefix(f"{PODS}/").removesuffix("/log")))
            else:
                self._do()

        def do_POST(self) -> None:
            self._do()

        def do_DELETE(self) -> None:
            self._do()

        def log_message(self, *_: Any) -> None:
            pass

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = cluster.answer(self.command, urlparse(self.path).path, body)
            loopback.send_json(self, status, json.dumps(answer))

        def _stream(self, lines: Iterator[bytes]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.writelines(lines)

    return Handler


@contextmanager
def serving(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, reachable at its address; its nodes end with it."""
    with loopback.serving(_handler(cluster)) as cluster.address:
        try:
            yield cluster
        finally:
            for name in cluster.jobs:
                cluster.stop(name)
