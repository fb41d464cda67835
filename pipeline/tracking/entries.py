"""The entries of an outbox: what a run logs, a JSON object per line, checked when it is read back."""

import time
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from pipeline.tracking.provenance import PipelineRun

Target = Literal["run", "pipeline"]  # the run itself, or the pipeline run that it is part of
Status = Literal["FINISHED", "FAILED", "KILLED"]


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class _Logged(BaseModel):
    """An entry with the time at which it was logged, in milliseconds as in MLflow."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    time: int = Field(default_factory=_milliseconds)
    to: Target = "run"


class Start(_Logged):
    """The first entry: the tracking URI, experiment and identity of the run.

    `workspace` is MLflow's, on a server with several.
    `reopen` is the stem and SHA-256 of an output file: the latest run with this output is continued. `given` is the id
    of a run that Kubeflow has created and will end: it is used instead of a new one.
    """

    kind: Literal["start"] = "start"
    name: str
    address: str
    experiment: str
    workspace: str | None = None
    tags: dict[str, str]
    commit: dict[str, str]
    pipeline: PipelineRun | None
    reopen: tuple[str, str] | None = None
    given: str | None = None


class LoggedParams(_Logged):
    """Parameters by dotted name."""

    kind: Literal["params"] = "params"
    values: dict[str, str]


class Tags(_Logged):
    """Tags by name."""

    kind: Literal["tags"] = "tags"
    values: dict[str, str]


class Metrics(_Logged):
    """Metrics of one step."""

    kind: Literal["metrics"] = "metrics"
    values: dict[str, float]
    step: int = 0


class LoggedInputs(_Logged):
    """Data sets, each with the fields of MLflow's `Dataset`."""

    kind: Literal["inputs"] = "inputs"
    datasets: list[dict[str, str]]


class File(_Logged):
    """An artifact: a file below the outbox's folder, `files/<id>/<path in the run>`."""

    kind: Literal["file"] = "file"
    path: str

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if len(parts) < 2 or parts[0] != "files" or ".." in parts:
            raise ValueError(f"'{path}' is not a path below files/")
        return path

    @property
    def folder(self) -> str | None:
        """Folder of the artifact in the run; None: its root."""
        return "/".join(PurePosixPath(self.path).parts[2:-1]) or None


class Members(_Logged):
    """The SHA-256 of the weights of an ensemble's members, by name."""

    kind: Literal["members"] = "members"
    digests: dict[str, str]


class Description(_Logged):
    """The description in Markdown; `[mask-0](sha256:...)` links to the run with weights of that content."""

    kind: Literal["description"] = "description"
    text: str


class End(_Logged):
    """The end of the run."""

    kind: Literal["end"] = "end"
    status: Status


Entry = Annotated[
    Start | LoggedParams | Tags | Metrics | LoggedInputs | File | Members | Description | End,
    Field(discriminator="kind"),
]
ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
