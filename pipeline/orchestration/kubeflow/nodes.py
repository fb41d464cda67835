"""A training on several nodes: a TrainJob of Kubeflow Trainer, made and awaited by the training's task.

Every node runs `pipeline.orchestration.kubeflow.node`, in a container of the runtime that `kubeflow.training_runtime`
names. The `kubeflow` SDK is imported for such trainings alone.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import params
from pipeline.config.kubeflow import Kubeflow, Resources
from pipeline.formats.documents import parse_yaml, read_text
from pipeline.foundation.errors import InputError
from pipeline.foundation.processes import PIPELINE_RUN, TASK_RUN, TRACKING
from pipeline.foundation.terminal import log
from pipeline.orchestration import packing
from pipeline.orchestration.graph import Stage
from pipeline.orchestration.kubeflow import task
from pipeline.orchestration.kubeflow.node import SECRETS, TRAINING

COMMAND = ("python", "-m", "pipeline.orchestration.kubeflow.node")
CONTAINER = "node"  # of Kubeflow Trainer's runtimes, and the name of their replicated job
ENDED = {"Complete", "Failed"}
PERIOD = 10  # seconds between two requests for a job's state
PASSED = (
    *(task.FILES, task.RUN, task.SHARED, PIPELINE_RUN, TASK_RUN, TRACKING),
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_WORKSPACE", task.RUN_ID),
)


@dataclass(frozen=True)
class Training:
    """What a training's task was given, to be done by several nodes.

    Attributes:
        stage: The stage.
        parents: Packed lock entries of the stage's parents.
        storage: The DVC remote.
        overrides: Changes of params.yaml, as in `dvc exp run -S`.
        image: Image of the nodes.
        run_id: Kubeflow's id of the run.
    """

    stage: Stage
    parents: Sequence[str]
    storage: str
    overrides: Sequence[str]
    image: str
    run_id: str

    def run(self, root: Path) -> None:
        """Make the TrainJob and wait for its end, with the log of its first node; `root` is the workspace.

        An earlier attempt of this task may have been killed: its job is then awaited instead of another one.

        Raises:
            InputError: When the SDK is missing, Kubernetes refuses the job, or a node fails.
        """
        settings = section(root)
        client, name = connect(), job_name(self.run_id, self.stage.name)
        try:
            if not _exists(client, name):
                self._start(client, name, settings)
            status = _follow(client, name, settings.resources(self.stage.kind).timeout)
        except (RuntimeError, TimeoutError, ValueError) as error:
            raise InputError(f"TrainJob {name}: {error}: {error.__cause__ or 'no cause is known'}") from error
        end(client, [name])
        if status != "Complete":
            raise InputError(f"TrainJob {name} of stage '{self.stage.name}': {status.lower()}; its log is above")

    def _start(self, client: Any, name: str, settings: Kubeflow) -> None:
        from kubeflow.trainer import CustomTrainerContainer
        from kubeflow.trainer.options import (
            ActiveDeadlineSeconds,
            Annotations,
            Labels,
            Name,
            RuntimePatch,
            TrainerCommand,
        )

        resources = settings.resources(self.stage.kind)
        trainer = CustomTrainerContainer(
            image=self.image,
            num_nodes=resources.nodes,
            resources_per_node=_amounts(resources),
            env=self._environment(resources),
        )
        options = [
            Name(name),
            Labels(settings.pod_labels),
            Annotations(dict(settings.annotations)),
            TrainerCommand(list(COMMAND)),
            ActiveDeadlineSeconds(resources.timeout),
            RuntimePatch(_patch(settings, resources)),
        ]
        client.train(runtime=settings.training_runtime, trainer=trainer, options=options)
        log(f"TrainJob {name}: {resources.nodes} nodes train stage '{self.stage.name}'")

    def _environment(self, resources: Resources) -> dict[str, str]:
        """The variables of a node: no secrets, which are mounted."""
        given = {"stage": self.stage.name, "parents": list(self.parents), "storage": self.storage}
        training = packing.pack(json.dumps(given | {"overrides": list(self.overrides)}))
        passed = {name: os.environ[name] for name in PASSED if name in os.environ}
        return passed | {TRAINING: training, task.ACCELERATORS: str(resources.accelerators)}


def connect(configuration: Any = None) -> Any:
    """A client of Kubeflow Trainer, by default with the service account of this pod."""
    try:
        from kubeflow.trainer import TrainerClient
        from kubernetes.config import ConfigException
    except ImportError:
        raise InputError(
            "a training on several nodes needs the package `kubeflow`, which the image lacks: "
            'build it with `make image EXTRAS="nodes"`'
        ) from None
    try:
        return TrainerClient(configuration)
    except ConfigException as error:
        raise InputError(f"a training on several nodes needs a Kubernetes cluster: {error}") from error


def section(root: Path) -> Kubeflow:
    """The section `kubeflow` of the parameters of a run."""
    read = parse_yaml(read_text(root / params.FILE, "start the run again"), params.FILE.name)
    return Kubeflow.model_validate(read.get("kubeflow", {}))


def end_all(root: Path, run_id: str, stages: Iterable[Stage]) -> None:
    """End the TrainJobs of a run that has ended: a task that was killed could not end its own."""
    settings = section(root)
    names = [job_name(run_id, stage.name) for stage in stages if settings.resources(stage.kind).nodes > 1]
    if names:
        end(connect(), names)


def job_name(run_id: str, stage: str) -> str:
    """The name of a stage's TrainJob in a run, the same for all its attempts."""
    kind = stage.partition("@")[0].replace("_", "-")
    return f"{kind}-{hashlib.sha256(f'{run_id} {stage}'.encode()).hexdigest()[:12]}"


def end(client: Any, names: Iterable[str]) -> None:
    """Delete TrainJobs, if there are any of these names."""
    for name in names:
        with suppress(RuntimeError):  # no such job
            client.delete_job(name)


def _exists(client: Any, name: str) -> bool:
    try:
        client.get_job(name)
        return True
    except RuntimeError:  # no such job; what else is wrong stops the creation of one
        return False


def _follow(client: Any, name: str, timeout: int) -> str:
    """Print the log of a job's first node until the job ends; returns how it did."""
    client.wait_for_job_status(name, {"Running", *ENDED}, timeout=timeout + PERIOD, polling_interval=PERIOD)
    for line in client.get_job_logs(name, follow=True):
        log(line.rstrip("\n"))
    job = client.wait_for_job_status(name, ENDED, timeout=timeout + PERIOD, polling_interval=PERIOD)
    return str(job.status)


def _amounts(resources: Resources) -> dict[str, str]:
    """What a node requests, by Kubernetes' names."""
    amounts = {"cpu": f"{resources.cpu:g}", "memory": resources.memory}
    return amounts | ({resources.accelerator: str(resources.accelerators)} if resources.accelerator else {})


def _patch(settings: Kubeflow, resources: Resources) -> Any:
    """What the pods of a job have beside their runtime's: that of a task of the same kind."""
    from kubeflow.trainer.options import (
        ContainerPatch,
        JobSetSpecPatch,
        JobSetTemplatePatch,
        JobSpecPatch,
        JobTemplatePatch,
        PodSpecPatch,
        PodTemplatePatch,
        ReplicatedJobPatch,
        TrainingRuntimeSpecPatch,
    )

    volumes = _volumes(settings)
    mounts = [{"name": name, "mountPath": path} for name, (path, _) in volumes.items()]
    context = settings.security_context
    pod = PodSpecPatch(
        service_account_name=settings.service_account,
        volumes=[{"name": name, **source} for name, (_, source) in volumes.items()],
        containers=[ContainerPatch(name=CONTAINER, volume_mounts=mounts)],
        image_pull_secrets=[{"name": name} for name in settings.pull_secrets] or None,
        security_context=context and {"runAsUser": context.user, "runAsGroup": context.group, "runAsNonRoot": True},
        node_selector=resources.node_selector or None,
        affinity=_affinity(resources),
        tolerations=[toleration.model_dump(exclude_none=True) for toleration in resources.tolerations] or None,
    )
    template = JobTemplatePatch(spec=JobSpecPatch(template=PodTemplatePatch(spec=pod)))
    jobs = JobSetSpecPatch(replicated_jobs=[ReplicatedJobPatch(name=CONTAINER, template=template)])
    return TrainingRuntimeSpecPatch(template=JobSetTemplatePatch(spec=jobs))


def _affinity(resources: Resources) -> dict[str, Any] | None:
    if not resources.node_affinity:
        return None
    expressions = [requirement.model_dump(mode="json") for requirement in resources.node_affinity]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def _volumes(settings: Kubeflow) -> dict[str, tuple[str, dict[str, Any]]]:
    """The path and the source of each volume: the secrets' values are files, named as their variables."""
    memory = {"medium": "Memory", "sizeLimit": settings.shared_memory}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "shared-memory": ("/dev/shm", {"emptyDir": memory}),
        "scratch": ("/tmp", {"emptyDir": {"sizeLimit": settings.disk}}),
    }
    if settings.volume:
        claim = {"persistentVolumeClaim": {"claimName": settings.volume.claim}}
        found["shared"] = (settings.volume.path, claim)
    for number, (secret, keys) in enumerate(settings.secrets.items()):
        items = [{"key": key, "path": variable} for key, variable in keys.items()]
        source = {"secret": {"secretName": secret, "optional": True, "items": items}}
        found[f"secret-{number}"] = (f"{SECRETS}/{number}", source)
    return found
