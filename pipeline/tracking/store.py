"""Where runs go: the address, its client, the experiment, and what runs are found by."""

import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import params

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

STORE = "sqlite:///mlflow.db"
ARTIFACTS = Path("mlartifacts")
EXPERIMENT = "mask-gender-age"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # or MLflow's pages ask whether it is about agents
LOGIN = re.compile(r"(?<=://)[^/\s]*@")
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}  # seconds; MLflow's: minutes


def address() -> str:
    """Where runs go: `MLFLOW_TRACKING_URI`, or a database in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI", STORE)


def full_address() -> str:
    """Where runs go, as every folder understands it: a database by its path from the root on."""
    path = address().removeprefix("sqlite:///")
    return address() if path == address() else f"sqlite:///{Path(path).resolve()}"


def shown() -> str:
    """Where runs go, as messages say it."""
    return without_secrets(address())


def without_secrets(text: str) -> str:
    """An address, or a message that names some, without the names and passwords that these may hold."""
    return LOGIN.sub("", text)


def experiment() -> str:
    """The experiment of this project's data set; `MLFLOW_EXPERIMENT_NAME` names another.

    Outside a project there is no data set to name.
    """
    named = os.environ.get("MLFLOW_EXPERIMENT_NAME")
    return named or (params.load().experiment if params.FILE.exists() else EXPERIMENT)


def connect(to: str | None = None) -> "MlflowClient":
    """A client of the store, made with its tables when it is a local one that is not there."""
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # or it tells of every new table
    mlflow.set_tracking_uri(to or address())
    return mlflow.MlflowClient()


def experiment_id(client: "MlflowClient", name: str) -> str:
    """Id of an experiment, made when it is not there; a local store keeps artifacts beside its database."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    scheme, _, store = str(client.tracking_uri).partition(":///")
    beside = (Path(store).resolve().parent / ARTIFACTS).as_uri() if scheme == "sqlite" else None
    try:
        return str(client.create_experiment(name, artifact_location=beside, tags=KIND))
    except MlflowException as error:  # another process has just made it
        made = client.get_experiment_by_name(name)
        if made is None:
            raise error
        return str(made.experiment_id)


def find(client: "MlflowClient", tags: dict[str, str]) -> list["Run"]:
    """The runs of all experiments that have all of these tags, the latest first."""
    everywhere = [each.experiment_id for each in client.search_experiments()]
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    return list(client.search_runs(everywhere, wanted, order_by=["attributes.start_time DESC"]))


def made(client: "MlflowClient", stem: str, content: str) -> "Run | None":
    """The latest run that made a file of this name (without its suffix) and content (SHA-256)."""
    return next(iter(find(client, {f"{stem}_sha256": content})), None)


def maker(stem: str, content: str) -> str | None:
    """Id of the latest run that made a file of this name and content; None where none is known or can be asked for."""
    found = _asked(stem, content)
    return found.info.run_id if found else None


def seconds(stem: str, content: str) -> float:
    """How long the latest run took that made such a file; NaN where none is known or can be asked for."""
    found = _asked(stem, content)
    if found is None or not found.info.end_time:
        return math.nan
    return float(found.info.end_time - found.info.start_time) / 1000


def prepare() -> None:
    """Make a local store that is not there, before several processes at once would each make it."""
    if address().startswith("sqlite:///") and not Path(address().removeprefix("sqlite:///")).exists():
        experiment_id(connect(), experiment())


@contextmanager
def impatient() -> Iterator[None]:
    """Ask once and wait ten seconds, where the environment does not say otherwise: a lost server must stall nothing."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in PATIENCE.items() if name not in before})
    try:
        yield
    finally:
        for name in PATIENCE.keys() - before.keys():
            del os.environ[name]


def faults() -> tuple[type[Exception], ...]:
    """What a store raises that cannot be reached or refuses, wherever its artifacts lie."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, OSError, BotoCoreError, ClientError, Boto3Error, SQLAlchemyError)


def _asked(stem: str, content: str) -> "Run | None":
    with impatient():
        try:
            return made(connect(), stem, content)
        except faults() as error:
            why = without_secrets(str(error))
            print(f"MLflow at {shown()} cannot be asked who made the {stem} {content[:12]}: {why}", flush=True)
            return None
