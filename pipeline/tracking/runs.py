"""Runs: what a stage was given, what it measured and what it made."""

import hashlib
import logging
import math
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STORE = "sqlite:///mlflow.db"
ARTIFACTS = Path("mlartifacts")
KEPT = (".csv", ".json", ".png", ".jpg")
EXPERIMENT = "mask-gender-age"


class Run:
    """The MLflow run that is being written."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars, of one epoch (`step`) or of the whole run."""
        import mlflow

        mlflow.log_metrics(dict(values), step=step)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        import mlflow

        mlflow.set_tags(dict(values))

    def files(self, folder: Path) -> None:
        """Keep the tables and pictures of a folder with the run; weights stay where DVC has them."""
        import mlflow

        for path in sorted(folder.iterdir()):
            if path.suffix in KEPT:
                mlflow.log_artifact(str(path))

    def file(self, path: Path) -> None:
        """Keep one file with the run."""
        import mlflow

        mlflow.log_artifact(str(path))

    def made(self, path: Path) -> None:
        """Tag the run with the content of what it made, by which later stages find it: `<stem>_sha256`."""
        self.tags({f"{path.stem}_sha256": digest(path)})

    def members(self, digests: Mapping[str, str]) -> None:
        """Name the trainings whose weights an ensemble is made of: by content, and by run where one is known."""
        for member, content in digests.items():
            self.tags({f"member.{member}": content, f"member_run.{member}": _find("weights", content) or "unknown"})


def digest(path: Path) -> str:
    """SHA-256 of a file: what a run is found by, however it came to be."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def run(name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator[Run]:
    """A run that ends as finished, or as failed when the body raises.

    `params` may nest; they are logged flat, with dotted names. The git commit is tagged where there is one.
    """
    import mlflow

    _connect()
    with mlflow.start_run(run_name=name, tags={**tags, **_commit()}):
        mlflow.log_params(flat(params))
        yield Run()


@contextmanager
def run_that_made(path: Path, name: str) -> Iterator[Run]:
    """The latest run that made a file of this content, opened again; a new run `name` where none is known."""
    import mlflow

    _connect()
    known = _find(path.stem, digest(path))
    with mlflow.start_run(run_id=known, run_name=None if known else name):  # a name would rename the known run
        yield Run()


def maker(path: Path) -> str | None:
    """Id of the latest run that made a file of this content; None where none is known."""
    _connect()
    return _find(path.stem, digest(path))


def seconds(path: Path) -> float:
    """How long the latest run took that made a file of this content; NaN where none is known."""
    import mlflow

    _connect()
    known = _find(path.stem, digest(path))
    if known is None:
        return math.nan
    info = mlflow.get_run(known).info
    return (info.end_time - info.start_time) / 1000 if info.end_time else math.nan


def prepare() -> None:
    """Make a local store that is not there, before several processes at once would each make it."""
    address = os.environ.get("MLFLOW_TRACKING_URI", STORE)
    if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).exists():
        _connect()


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _connect() -> None:
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # or it tells of every new table
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", STORE))
    mlflow.set_experiment(experiment_id=_experiment())


def _find(stem: str, content: str) -> str | None:
    """Id of the latest run that made a file of this content."""
    import mlflow

    found = mlflow.search_runs(filter_string=f"tags.{stem}_sha256 = '{content}'", max_results=1, output_format="list")
    return found[0].info.run_id if found else None


def _experiment() -> str:
    """Id of the experiment, made when it is not there; a local store keeps artifacts beside its database."""
    import mlflow
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    scheme, _, store = mlflow.get_tracking_uri().partition(":///")
    beside = (Path(store).resolve().parent / ARTIFACTS).as_uri() if scheme == "sqlite" else None
    try:
        return mlflow.create_experiment(name, artifact_location=beside)
    except MlflowException as error:  # it is there, or another process has just made it
        experiment = mlflow.get_experiment_by_name(name)
        if experiment is None:
            raise error
        return str(experiment.experiment_id)


def _commit() -> dict[str, str]:
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    return {"git_commit": commit.stdout.strip()}
