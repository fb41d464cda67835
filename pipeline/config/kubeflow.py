"""The `kubeflow:` section of params.yaml: what tasks get on a cluster. No result depends on it.

Values that Kubernetes or a Kubeflow Pipelines backend would refuse are refused here, under the name of their key.
"""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from pipeline.formats.section import Section

MOST_RETRIES = 20
MOST_NODES = 64
TRAININGS = ("train", "pseudo_label", "refit")  # kinds of stages that several nodes can run together
PRIORITY = "kueue.x-k8s.io/priority-class"
LONGEST_TIMEOUT = 30 * 24 * 3600  # seconds
PREFIX = r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


def _is_dvcs(name: str) -> str:
    if name.startswith("AWS_"):
        raise ValueError(
            "AWS_* variables would reach Kubeflow's own launcher in the same container and replace its credentials; "
            "DVC reads DVC_S3_ACCESS_KEY_ID, DVC_S3_SECRET_ACCESS_KEY, DVC_S3_SESSION_TOKEN, DVC_S3_ENDPOINT_URL and "
            "DVC_S3_REGION"
        )
    return name


# Bytes, in the units that both Kubernetes and KFP's compiler accept.
Quantity = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?(Ki|Mi|Gi|Ti|M|G|T)$")]
# The name of a Kubernetes object: an RFC 1123 subdomain.
Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
LabelKey = Annotated[str, StringConstraints(pattern=f"^{PREFIX}{WORD}$", max_length=317)]
LabelValue = Annotated[str, StringConstraints(pattern=f"^({WORD})?$")]
SecretKey = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_is_dvcs)]
Image = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([a-z0-9._/-]|:\d+/)*[a-z0-9](:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
        max_length=500,
    ),
]


class Toleration(Section):
    """A taint that a task tolerates, with the keys of Kubernetes' own tolerations."""

    key: LabelKey | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoExecute", "NoSchedule", "PreferNoSchedule"] | None = None

    @model_validator(mode="after")
    def _fits_its_operator(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError("operator Exists takes no value")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("operator Equal needs a key")
        return self


class NodeRequirement(Section):
    """A requirement on a node's labels: a match expression of Kubernetes' node affinity."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: tuple[LabelValue, ...] = ()

    @model_validator(mode="after")
    def _values_fit_the_operator(self) -> Self:
        count = len(self.values)
        if self.operator in ("Exists", "DoesNotExist") and count:
            raise ValueError(f"operator {self.operator} takes no values")
        if self.operator in ("In", "NotIn") and not count:
            raise ValueError(f"operator {self.operator} needs values")
        if self.operator in ("Gt", "Lt") and not (count == 1 and self.values[0].isdigit()):
            raise ValueError(f"operator {self.operator} takes one whole number")
        return self


class Resources(Section):
    """What a task requests, and the nodes it may run on; without an accelerator it runs on the CPU.

    Attributes:
        cpu: Number of CPU cores, requested and granted.
        memory: Memory, requested and granted, such as `8Gi`.
        accelerator: Name of the GPU resource, such as `nvidia.com/gpu`.
        accelerators: Number of GPUs.
        nodes: Number of nodes that run one training together, each with these resources.
        node_selector: Labels that a node must have.
        node_affinity: Requirements on the labels of a node, all of which must hold.
        tolerations: Taints of nodes that the task tolerates.
        timeout: Seconds after which an attempt has failed.
    """

    cpu: PositiveFloat = 2
    memory: Quantity = "4Gi"
    accelerator: LabelKey | None = None
    accelerators: NonNegativeInt = 0
    nodes: Annotated[PositiveInt, Field(le=MOST_NODES)] = 1
    node_selector: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    node_affinity: tuple[NodeRequirement, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    timeout: Annotated[PositiveInt, Field(le=LONGEST_TIMEOUT)] = 3600

    @field_validator("cpu")
    @classmethod
    def _whole_millicores(cls, cpu: float) -> float:
        if round(cpu * 1000) != cpu * 1000:
            raise ValueError("Kubernetes counts thousandths of a core; give at most three decimals")
        return cpu

    @model_validator(mode="after")
    def _accelerators_have_a_type(self) -> Self:
        if (self.accelerator is None) != (self.accelerators == 0):
            raise ValueError("accelerator (a type) and accelerators (how many) come together")
        return self


class Volume(Section):
    """A read-write-many volume with DVC's cache and the checkpoints, shared by all tasks.

    Attributes:
        claim: Name of the volume claim.
        path: Folder at which tasks mount it.
    """

    claim: Name
    path: Annotated[str, Field(pattern=r"^/[^:]+$")] = "/mnt/shared"


class SecurityContext(Section):
    """The user and group that tasks run as, instead of the image's own.

    Attributes:
        user: Number of the user.
        group: Number of the group.
    """

    user: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    group: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.user is None and self.group is None:
            raise ValueError("give user, group or both; leave it out for those of the image")
        return self


class Retry(Section):
    """How often a failed attempt is repeated, and how long to wait before.

    Attributes:
        times: Number of repetitions.
        wait: Seconds before the first repetition.
        factor: Factor by which the wait grows with each repetition; the backend takes whole numbers only.
    """

    times: Annotated[NonNegativeInt, Field(le=MOST_RETRIES)] = 2
    wait: PositiveInt = 60
    factor: Annotated[PositiveInt, Field(le=10)] = 2

    def longest(self, timeout: int) -> int:
        """Seconds that all attempts and the waits between them may take.

        Argo's `backoff.maxDuration` counts from the start of the first attempt; what fails later is not repeated.
        """
        waits: int = sum(self.wait * self.factor**number for number in range(self.times))
        return (self.times + 1) * timeout + waits


class Kubeflow(Section):
    """Settings of the tasks on a cluster; no result depends on them.

    Attributes:
        remote: URL of the DVC remote through which all data travel.
        mlflow: Address of MLflow as tasks see it.
        image: Image of stages that run networks, with its tag or digest.
        slim_image: Image of all other stages, without torch.
        pull: When nodes pull an image.
        pull_secrets: Secrets of the image registry.
        service_account: Service account of runs that `kubeflow submit` starts; the server's default if null.
        secrets: Environment variable for each key of a secret.
        volume: Shared volume; none by default.
        shared_memory: Size of /dev/shm; PyTorch's loaders need more than Kubernetes' default of 64 MB.
        disk: Size of /tmp, where a task works.
        labels: Labels of every pod, such as that of Kueue's queue.
        annotations: Annotations of every pod.
        security_context: User and group of all tasks; those of the image by default.
        priority_class: WorkloadPriorityClass of Kueue; the pipeline format has no field for a pod's own.
        parallel_trainings: Largest number of trainings at once in a run; no limit by default.
        training_runtime: Runtime of Kubeflow Trainer for trainings on several nodes.
        time_to_live: Seconds after which the pods of a finished run are removed; never by default.
        retry: Repetition of failed tasks.
        stages: Resources by kind of stage (`train`); `default` serves the kinds that are not named.
    """

    remote: str = "s3://mask-gender-age/dvc"
    mlflow: str = "http://mlflow.mlflow:5000"
    image: Image = "mask-gender-age:latest"
    slim_image: Image = "mask-gender-age:latest-slim"
    pull: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: tuple[Name, ...] = ()
    service_account: Name | None = None
    secrets: dict[Name, dict[SecretKey, Variable]] = Field(default_factory=dict)
    volume: Volume | None = None
    shared_memory: Quantity = "4Gi"
    disk: Quantity = "20Gi"
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    security_context: SecurityContext | None = None
    priority_class: Name | None = None
    parallel_trainings: PositiveInt | None = None
    training_runtime: Name = "torch-distributed"
    time_to_live: PositiveInt | None = None
    retry: Retry = Retry()
    stages: dict[str, Resources] = Field(default_factory=lambda: {"default": Resources()})

    @field_validator("stages")
    @classmethod
    def _has_default(cls, stages: dict[str, Resources]) -> dict[str, Resources]:
        if "default" not in stages:
            raise ValueError("`default` is missing: the resources of the kinds that are not named")
        return stages

    @field_validator("stages")
    @classmethod
    def _trainings_alone_have_nodes(cls, stages: dict[str, Resources]) -> dict[str, Resources]:
        if others := [kind for kind, each in stages.items() if each.nodes > 1 and kind not in TRAININGS]:
            raise ValueError(f"{', '.join(others)}: nodes: only {', '.join(TRAININGS)} run on several")
        return stages

    @property
    def pod_labels(self) -> dict[str, str]:
        """The labels of every pod, with that of its priority class."""
        return self.labels | ({PRIORITY: self.priority_class} if self.priority_class else {})

    def resources(self, kind: str) -> Resources:
        """What tasks of a kind of stage request."""
        return self.stages.get(kind, self.stages["default"])

    def waiting(self, kind: str) -> Resources:
        """What the task of a training on several nodes requests, which only waits for them."""
        unused = {"accelerator": None, "accelerators": 0}
        return self.stages["default"].model_copy(update={**unused, "timeout": self.resources(kind).timeout})
