"""The registry: versions of models found and pointed at by aliases, and what is noted of them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.foundation.errors import InputError
from pipeline.tracking import store

CHAMPION = "champion"
CHALLENGER = "challenger"
CONTENT = "content_sha256"
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    name: str
    number: int
    tags: Mapping[str, str]
    run_id: str
    created: datetime

    @property
    def uri(self) -> str:
        """What MLflow loads it by."""
        return f"models:/{self.name}/{self.number}"

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def versions(name: str) -> list[Version]:
    """All versions of a model, the oldest first; none when there is no such model."""
    found = client().search_model_versions(f"name = '{name}'")
    return sorted((read(one.name, one.version) for one in found), key=lambda one: one.number)


def find(uri: str) -> Version:
    """The version of `models:/mga@champion` or `models:/mga/3`; raises `InputError` when there is none."""
    name, alias, number = _parts(uri)
    found = pointed(name, alias) if alias else next((one for one in versions(name) if str(one.number) == number), None)
    if found is None:
        there = ", ".join(str(one.number) for one in versions(name))
        remedy = ""
        if not there or alias == CHALLENGER:
            remedy = "; `python -m pipeline register` makes one"
        elif alias == CHAMPION:
            remedy = f"; `python -m pipeline promote --model {name}` makes one"
        lack = f"no such version in the registry {store.shown()}; versions of {name}: {there or 'none'}"
        raise InputError(f"{uri}: {lack}{remedy}")
    return found


def pointed(name: str, alias: str) -> Version | None:
    """The version that an alias of a model points at."""
    found = _model(name)
    return read(name, found.aliases[alias]) if found and alias in found.aliases else None


def point(name: str, alias: str, version: Version | None) -> None:
    """Let an alias point at a version, or at none."""
    if version is None:
        client().delete_registered_model_alias(name, alias)
    else:
        client().set_registered_model_alias(name, alias, str(version.number))


def notes(name: str) -> dict[str, str]:
    """The tags of a model as a whole; raises `InputError` when there is no such model."""
    found = _model(name)
    if found is None:
        raise InputError(
            f"{name}: no such model in the registry {store.shown()}; `python -m pipeline register` makes it"
        )
    return dict(found.tags)


def note(name: str, key: str, text: str) -> None:
    """Set a tag of a model as a whole."""
    client().set_registered_model_tag(name, key, text)


def download(version: Version, path: str, folder: Path) -> Path:
    """Fetch what a version's evidence holds under a path; returns where it now lies, in `folder`."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client()
    try:
        return Path(download_artifacts(run_id=version.run_id, artifact_path=f"{EVIDENCE}/{path}", dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        raise InputError(f"{version}: its evidence has no {path}: {store.without_secrets(str(error))}") from None


@contextmanager
def told() -> Iterator[None]:
    """What MLflow refuses, or an MLflow that does not answer, as an `InputError`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        said = store.without_secrets(str(error).splitlines()[0])
        raise InputError(f"MLflow at {store.shown()}: {said}") from error


def client() -> Any:
    """MLflow's client of the registry; MLflow's own functions ask the same one from now on."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # bars of one file each
    return store.connect()


def read(name: str, number: str | int) -> Version:
    """A version that is there."""
    found = client().get_model_version(name, str(number))
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(name, int(found.version), dict(found.tags), found.run_id, created)


def _model(name: str) -> Any | None:
    """A model as a whole; None when it is not registered."""
    from mlflow.exceptions import MlflowException

    try:
        return client().get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _parts(uri: str) -> tuple[str, str, str]:
    """Name, alias and number of a version's address."""
    rest = uri.removeprefix("models:/")
    name, at, alias = rest.partition("@")
    name, slash, number = name.partition("/")
    if rest == uri or not name or bool(at) == bool(slash):
        raise InputError(f"{uri}: not a model; write models:/mga@champion or models:/mga/3")
    return name, alias, number
