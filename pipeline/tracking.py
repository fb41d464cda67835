"""MLflow: the only place that imports it. `MLFLOW_TRACKING_URI` decides where runs go."""

import hashlib
import logging
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

    def weights(self, path: Path) -> None:
        """Tag the run with the content hash of the weights that it made: how ensembles find their members."""
        with path.open("rb") as file:
            self.tags({"weights_sha256": hashlib.file_digest(file, "sha256").hexdigest()})

    def members(self, digests: Mapping[str, str]) -> None:
        """Name the trainings whose weights an ensemble is made of: by content, and by run where one is known."""
        import mlflow

        for member, digest in digests.items():
            found = mlflow.search_runs(
                filter_string=f"tags.weights_sha256 = '{digest}'", max_results=1, output_format="list"
            )
            run_id = found[0].info.run_id if found else "unknown"
            self.tags({f"member.{member}": digest, f"member_run.{member}": run_id})


@contextmanager
def run(name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator[Run]:
    """A run that ends as finished, or as failed when the body raises.

    `params` may nest; they are logged flat, with dotted names. The git commit is tagged where there is one.
    """
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # or it tells of every new table
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", STORE))
    mlflow.set_experiment(experiment_id=_experiment())
    with mlflow.start_run(run_name=name, tags={**tags, **_commit()}):
        mlflow.log_params(flat(params))
        yield Run()


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _experiment() -> str:
    """Id of the experiment, made when it is not there; a local store keeps artifacts beside its database."""
    import mlflow
    from mlflow.exceptions import MlflowException

    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    local = mlflow.get_tracking_uri().startswith("sqlite:")
    try:
        return mlflow.create_experiment(name, artifact_location=ARTIFACTS.resolve().as_uri() if local else None)
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
