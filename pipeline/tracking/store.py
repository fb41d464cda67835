"""The MLflow tracking store: its URI, client and experiment, and the search for runs."""

import fcntl
import json
import logging
import math
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from pipeline.foundation.terminal import log
from pipeline.schema.schema import SCHEMA

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

T = TypeVar("T")
STORE = "sqlite:///mlflow.db"
ARTIFACTS = Path("mlartifacts")
KIND = {"mlflow.experimentKind": "custom_model_development"}  # otherwise MLflow's UI asks for the kind of experiment
COLUMNS = ("macro_f1", "accuracy", *(f"{name}_macro_f1" for name in SCHEMA.names), "submission_macro_f1")
VIEW = "scores"  # name of the shared view of an experiment's runs, with these columns
VIEW_TAG = {
    f"mlflow.sharedViewState.{VIEW}": json.dumps({"selectedColumns": [f"metrics.`{name}`" for name in COLUMNS]})
}
DESCRIPTION = "mlflow.note.content"  # tag with the description of a run in Markdown
BATCH = 100  # values in one request
DELETED = "deleted"  # lifecycle stage of what is in the trash
LOGIN = re.compile(r"(?<=://)[^/\s]*@")
TIMEOUT_VARIABLE = "MLFLOW_HTTP_REQUEST_TIMEOUT"
WORKSPACE = "MLFLOW_WORKSPACE"
REQUEST_TIMEOUT = 10.0  # seconds; MLflow's own default, with its retries, amounts to minutes
TICK = 0.002  # seconds between two looks at whether code that has exceeded its deadline waits


def address() -> str:
    """The tracking URI: `MLFLOW_TRACKING_URI`, or a database in the working directory."""
    return os.environ.get("MLFLOW_TRACKING_URI", STORE)


def full_address() -> str:
    """The tracking URI with the absolute path of a local database, valid in every folder."""
    database = local_database()
    return f"sqlite:///{database}" if database else address()


def local_database() -> Path | None:
    """The absolute path of a local SQLite database; None for a server."""
    path = address().removeprefix("sqlite:///")
    return None if path == address() else Path(path).resolve()


def displayed() -> str:
    """The tracking URI as messages show it, without credentials."""
    return without_secrets(address())


def without_secrets(text: str) -> str:
    """A text without the user names and passwords of the URLs in it."""
    return LOGIN.sub("", text)


def experiment(default: str) -> str:
    """Name of the experiment: `MLFLOW_EXPERIMENT_NAME`, or `default`."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or default


def connect(to: str | None = None) -> "MlflowClient":
    """A client of the store; a local database is created on its first use."""
    import mlflow

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it logs every new table
    mlflow.set_tracking_uri(to or address())
    return mlflow.MlflowClient()


def experiment_id(client: "MlflowClient", name: str) -> str:
    """Id of an experiment, created if there is none; a local store keeps artifacts beside its database."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is not None and known.lifecycle_stage == DELETED:
        raise MlflowException(
            f"experiment {name} is deleted; restore it (`mlflow experiments restore -x {known.experiment_id}`), or "
            "name another in MLFLOW_EXPERIMENT_NAME"
        )
    if known is not None:
        for key, value in VIEW_TAG.items():
            if known.tags.get(key) != value:
                client.set_experiment_tag(known.experiment_id, key, value)
        return str(known.experiment_id)
    scheme, _, store = str(client.tracking_uri).partition(":///")
    beside = (Path(store).resolve().parent / ARTIFACTS).as_uri() if scheme == "sqlite" else None
    try:
        return str(client.create_experiment(name, artifact_location=beside, tags=KIND | VIEW_TAG))
    except MlflowException as error:  # another process has just created it
        created = client.get_experiment_by_name(name)
        if created is None:
            raise error
        return str(created.experiment_id)


def page(client: "MlflowClient", name: str, local: str) -> str:
    """The address of an experiment's runs in MLflow's pages: the training view, with the columns of scores.

    Args:
        client: A client of the store.
        name: Name of the experiment.
        local: The address at which the pages of a local database are opened.
    """
    server = local if local_database() else displayed().rstrip("/")
    number = experiment_id(client, name)
    return f"{server}/#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"


def find(client: "MlflowClient", tags: dict[str, str], deleted: bool = False) -> list["Run"]:
    """The runs of all experiments with all of these tags, the latest first; those in MLflow's trash if `deleted`."""
    from mlflow.entities import ViewType

    everywhere = [each.experiment_id for each in client.search_experiments()]
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    return list(client.search_runs(everywhere, wanted, view, order_by=["attributes.start_time DESC"]))


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Values in as many parts as they need requests."""
    return (values[first : first + BATCH] for first in range(0, len(values), BATCH))


def is_deleted(run: "Run") -> bool:
    """Whether a run is in MLflow's trash, from which `mlflow gc` removes it."""
    return str(run.info.lifecycle_stage) == DELETED


def producer(client: "MlflowClient", stem: str, content: str) -> "Run | None":
    """The latest run with an output file of this stem and content (SHA-256)."""
    return next(iter(find(client, {f"{stem}_sha256": content})), None)


def producer_id(stem: str, content: str) -> str | None:
    """Id of the latest run with such an output; None when there is none or MLflow does not answer."""
    found = _find_producer(stem, content)
    return found.info.run_id if found else None


def duration(stem: str, content: str) -> float:
    """Seconds that the latest run with such an output took; NaN when there is none or MLflow does not answer."""
    found = _find_producer(stem, content)
    if found is None or not found.info.end_time:
        return math.nan
    return float(found.info.end_time - found.info.start_time) / 1000


def prepare(quietly: bool = False) -> None:
    """Create a missing local database: of several processes one, for which the others wait.

    If this fails `quietly`, those who want to use the database say why.
    """
    database = local_database()
    if database is None:
        return
    folder = os.open(database.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # no file of a lock is left
        if not database.exists():
            with suppress(*faults() if quietly else ()):
                connect().search_experiments(max_results=1)
    finally:
        os.close(folder)


def request_timeout(default: float = REQUEST_TIMEOUT) -> float:
    """Timeout of a request to MLflow in seconds: `MLFLOW_HTTP_REQUEST_TIMEOUT`, or `default`."""
    return float(os.environ.get(TIMEOUT_VARIABLE, default))


def no_retry_environment() -> dict[str, str]:
    """Environment variables for a child process whose MLflow client does not retry; `REQUEST_TIMEOUT` by default."""
    return {TIMEOUT_VARIABLE: f"{REQUEST_TIMEOUT:.0f}", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"} | dict(os.environ)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in the body when it takes longer than `seconds`, where it waits.

    MLflow's own timeout is for each read, so a server that sends a byte now and then never exceeds it. Only for the
    main thread of a process.

    A signal may arrive between any two instructions. An error raised where a lock has just been taken, as in
    `Condition.__enter__` of urllib3's queue of connections, would leave it taken, and every later request would wait
    for it. The error is therefore raised only when two ticks in a row find the same instruction of the same call: it
    waits, for an answer or in a pause between two attempts.
    """
    waiting: tuple[FrameType, int] | None = None

    def expire(_: int, frame: FrameType | None) -> None:
        nonlocal waiting
        before, waiting = waiting, (frame, frame.f_lasti) if frame else None
        if before is None or frame is not before[0] or frame.f_lasti != before[1]:
            return
        waiting = None
        signal.setitimer(signal.ITIMER_REAL, 1.0, TICK)  # again in a second: libraries catch errors in order to retry
        raise TimeoutError(f"no answer within {seconds:.0f} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        waiting = None


def faults() -> tuple[type[Exception], ...]:
    """The errors of a store that cannot be reached or refuses a request, for runs and for artifacts."""
    from botocore.exceptions import BotoCoreError, ClientError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    found = (MlflowException, OSError, BotoCoreError, ClientError, SQLAlchemyError)
    if find_spec("boto3") is None:  # the image has none: MLflow needs it only for artifacts directly on S3
        return found
    return (*found, import_module("boto3.exceptions").Boto3Error)


def _find_producer(stem: str, content: str) -> "Run | None":
    """The run with such an output; None, with a message, when MLflow does not answer within `REQUEST_TIMEOUT`.

    The request runs in a daemon thread, which cannot keep the process from ending.
    """
    database, expected = local_database(), faults()
    if database and not database.exists():
        return None
    results: Queue[Run | Exception | None] = Queue()

    def ask() -> None:
        try:
            results.put(producer(connect(), stem, content))
        except expected as error:
            results.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        result = results.get(timeout=request_timeout())
    except Empty:
        result = TimeoutError(f"no answer within {request_timeout():.0f} s")
    if isinstance(result, Exception):
        why = without_secrets(str(result))
        log(f"MLflow at {displayed()}: no answer about the run of {stem} {content[:12]}: {why}")
        return None
    return result
