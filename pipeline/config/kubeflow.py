"""The `kubeflow:` section of params.yaml: what tasks get on a cluster; no result depends on it."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator

from pipeline.formats.section import Section

Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(Ki|Mi|Gi|Ti|K|M|G|T)$")]  # bytes, as Kubernetes writes them


class Toleration(Section):
    """A taint that a task may run beside: Kubernetes' own words."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoExecute", "NoSchedule", "PreferNoSchedule"] | None = None


class Resources(Section):
    """What a task asks for, and where it may run; without an accelerator it runs on the CPU."""

    cpu: PositiveFloat = 2
    memory: Quantity = "4Gi"
    accelerator: str | None = None  # the resource's name, e.g. nvidia.com/gpu
    accelerators: NonNegativeInt = 0
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    timeout: PositiveInt = 3600  # seconds, after which a task counts as failed

    @model_validator(mode="after")
    def _accelerators_have_a_type(self) -> Self:
        if (self.accelerator is None) != (self.accelerators == 0):
            raise ValueError("accelerator (a type) and accelerators (how many) come together")
        return self


class Volume(Section):
    """A read-write-many volume claim: DVC's cache and checkpoints, shared by all tasks."""

    claim: str
    path: Annotated[str, Field(pattern="^/")] = "/mnt/shared"


class Retry(Section):
    """How often a failed or evicted task starts anew, and after how many seconds."""

    times: NonNegativeInt = 2
    wait: NonNegativeInt = 60
    factor: PositiveFloat = 2
    longest: NonNegativeInt = 3600


class Kubeflow(Section):
    """All tasks share an image; resources go by the stage's kind (`train`), `default` serves the kinds not named."""

    remote: str = "s3://mask-gender-age/dvc"  # the DVC remote of runs that name no other
    mlflow: str = "http://mlflow:5000"  # the address of MLflow as tasks see it
    image: str = "mask-gender-age:latest"  # with its tag or digest
    pull: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    secrets: dict[str, tuple[str, ...]] = Field(
        default_factory=dict
    )  # a secret's name over its keys, each an environment variable
    volume: Volume | None = None
    shared_memory: Quantity = "4Gi"  # PyTorch's loaders need more than Kubernetes' default of 64 MB
    disk: Quantity = "20Gi"  # scratch space, where a task works
    retry: Retry = Retry()
    stages: dict[str, Resources] = Field(default_factory=lambda: {"default": Resources()})

    @field_validator("stages")
    @classmethod
    def _has_default(cls, stages: dict[str, Resources]) -> dict[str, Resources]:
        if "default" not in stages:
            raise ValueError("`default` is missing: the resources of the kinds that are not named")
        return stages

    def resources(self, kind: str) -> Resources:
        """What tasks of a kind of stage get."""
        return self.stages.get(kind, self.stages["default"])
