"""The registry: versions of models, their aliases, and the tags of a model."""

import fcntl
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
        """The URI by which MLflow loads it."""
        return f"models:/{self.name}/{self.number}"

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def versions(name: str) -> list[Version]:
    """All versions of a model, the oldest first; empty when there is no such model."""
    found = client().search_model_versions(f"name = '{name}'")
    return sorted((read(one.name, one.version) for one in found), key=lambda one: one.number)


def find(uri: str) -> Version:
    """The version at `models:/mga@champion` or `models:/mga/3`; raises `InputError` when there is none."""
    name, alias, number = _parts(uri)
    found = by_alias(name, alias) if alias else next((one for one in versions(name) if str(one.number) == number), None)
    if found is None:
        existing = ", ".join(str(one.number) for one in versions(name))
        remedy = ""
        if not existing or alias == CHALLENGER:
            remedy = "; `python -m pipeline register` creates one"
        elif alias == CHAMPION:
            remedy = f"; `python -m pipeline promote --model {name}` sets one"
        fault = f"no such version in the registry {store.displayed()}; versions of {name}: {existing or 'none'}"
        raise InputError(f"{uri}: {fault}{remedy}")
    return found


def by_alias(name: str, alias: str) -> Version | None:
    """The version that an alias of a model points to."""
    found = _model(name)
    return read(name, found.aliases[alias]) if found and alias in found.aliases else None


def set_alias(name: str, alias: str, version: Version | None) -> None:
    """Point an alias to a version; None deletes the alias."""
    from mlflow.exceptions import MlflowException

    if version is None:
        client().delete_registered_model_alias(name, alias)
        return
    try:
        client().set_registered_model_alias(name, alias, str(version.number))
    except MlflowException:  # of two that set a new alias at once, MLflow refuses one
        if by_alias(name, alias) != version:
            raise


def delete(version: Version) -> None:
    """Delete a version and the run that registered it."""
    client().delete_model_version(version.name, str(version.number))
    client().delete_run(version.run_id)


def model_tags(name: str) -> dict[str, str]:
    """The tags of a registered model; raises `InputError` when there is no such model."""
    found = _model(name)
    if found is None:
        raise InputError(
            f"{name}: no such model in the registry {store.displayed()}; `python -m pipeline register` creates it"
        )
    return dict(found.tags)


def set_model_tag(name: str, key: str, text: str) -> None:
    """Set a tag of a registered model."""
    client().set_registered_model_tag(name, key, text)


def delete_model_tag(name: str, key: str) -> None:
    """Delete a tag of a registered model."""
    client().delete_registered_model_tag(name, key)


@contextmanager
def exclusive() -> Iterator[bool]:
    """Keep other processes from changing a local registry meanwhile; yields False for a server, which has no lock."""
    database = store.local_database()
    if database is None:
        yield False
        return
    with database.with_name(f"{database.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the system releases it when the process ends, however it ends
        yield True


def download(version: Version, path: str, folder: Path) -> Path:
    """Download a file or folder of a version's evidence into `folder`; returns its local path."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client()
    try:
        return Path(download_artifacts(run_id=version.run_id, artifact_path=f"{EVIDENCE}/{path}", dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        raise InputError(f"{version}: its evidence has no {path}: {store.without_secrets(str(error))}") from None


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Raise MLflow's errors, an unreachable server included, as `InputError`."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        message = store.without_secrets(str(error).splitlines()[0])
        raise InputError(f"MLflow at {store.displayed()}: {message}") from error


def client() -> Any:
    """MLflow's client of the registry; MLflow's module-level functions use the same registry from now on."""
    return store.connect()


def read(name: str, number: str | int) -> Version:
    """A version that exists."""
    found = client().get_model_version(name, str(number))
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(name, int(found.version), dict(found.tags), found.run_id, created)


def _model(name: str) -> Any | None:
    """A registered model; None when there is none of this name."""
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
        raise InputError(f"{uri}: not the URI of a model; write models:/mga@champion or models:/mga/3")
    return name, alias, number
