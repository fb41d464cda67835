"""The deployed server: PostgreSQL, S3, passwords; and a pipeline that knows its address and a password only."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import mlflow
import pytest
from boto3.s3.transfer import TransferConfig
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.server import compose
from tests.server.deployment import Deployment, deployment
from tests.server.processes import PATIENCE, clean, free_port, listening
from tests.server.registered import MODEL, register
from tests.server.tiny import EXPERIMENT, project
from tests.support.mlflow_server import forget


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("deployment")) as ready:
        inside = {"_MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "_MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http"}
        yield replace(ready, service=ready.service | inside)


@pytest.fixture(scope="module")
def served(deployed: Deployment) -> Iterator[ExitStack]:
    """The server; whoever needs it stopped closes the stack. Webhooks may go to this machine."""
    receiver = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}
    with ExitStack() as stack:
        stack.enter_context(replace(deployed, service=deployed.service | receiver).serving())
        yield stack


@pytest.fixture
def client(deployed: Deployment, served: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowClient]:
    """The administrator's, who has no credentials of the store."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", deployed.password)
    mlflow.set_tracking_uri(deployed.address)
    yield MlflowClient()
    forget()


@pytest.fixture(scope="module")
def finished(deployed: Deployment, served: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after `dvc repro` against the server."""
    root = project(tmp_path_factory.mktemp("workspace"))
    environment = clean() | {
        "OMP_NUM_THREADS": "1",
        "DVC_NO_ANALYTICS": "1",
        "MLFLOW_TRACKING_URI": deployed.address,
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(PATIENCE),
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": deployed.password,
    }
    for arguments in (["init", "--no-scm", "--quiet"], ["repro"]):
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return root


def seen(client: MlflowClient, folder: Path) -> dict[str, Any]:
    """All that a person can see: runs with their scores, every artifact's bytes, models with versions and aliases."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    models = {model.name: (model.aliases, model.description) for model in client.search_registered_models()}
    kept: dict[str, bytes] = {}
    for run in runs:
        place = folder / run.info.run_id
        place.mkdir(parents=True)
        client.download_artifacts(run.info.run_id, "", str(place))
        kept |= {str(path.relative_to(folder)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    return {"runs": {run.info.run_id: run.data.to_dictionary() for run in runs}, "artifacts": kept, "models": models}


def test_nobody_reads_without_a_password(
    deployed: Deployment, served: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user, password in ((None, None), ("admin", "password1234"), ("admin", "")):
        for name, value in (("USERNAME", user), ("PASSWORD", password)):
            if value is None:
                monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
            else:
                monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
        with pytest.raises(MlflowException, match="401"):
            MlflowClient(deployed.address).search_experiments()


def test_a_pipeline_logs_runs_and_images_without_credentials_of_the_store(
    client: MlflowClient, finished: Path, tmp_path: Path
) -> None:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    assert experiment.artifact_location.startswith("mlflow-artifacts:"), "the server brings artifacts to the store"
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {"three-0", "ensemble"} <= set(runs)
    fetched = Path(client.download_artifacts(runs["ensemble"].info.run_id, "confusion.png", str(tmp_path)))
    assert fetched.read_bytes() == (finished / "results/ensemble/confusion.png").read_bytes()


def test_others_read_but_only_those_who_may_write_write(
    deployed: Deployment, client: MlflowClient, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.ask("2.0/mlflow/users/create", {"username": "ann", "password": "a long password"})
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    with pytest.raises(MlflowException, match="Permission denied"):
        client.create_run(experiment.experiment_id)
    may = {"resource_type": "experiment", "resource_id": experiment.experiment_id, "permission": "EDIT"}
    deployed.ask("3.0/mlflow/users/permissions/grant", {"username": "ann", **may})
    run = client.create_run(experiment.experiment_id)
    client.set_terminated(run.info.run_id)


def test_what_was_deleted_is_removed_for_good_with_its_artifacts(
    deployed: Deployment, client: MlflowClient, tmp_path: Path
) -> None:
    experiment = client.create_experiment("collected")
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for run in runs:
        client.log_text(run, "text", "note.txt")
    client.delete_run(runs[0])
    port = str(free_port())
    done = replace(deployed, service=deployed.service | {"PORT": port, "KEEP_DELETED": "1h"}).run("collect")
    assert done.returncode == 0, done.stderr
    assert client.get_run(runs[0]).info.lifecycle_stage == "deleted", "not for an hour"
    done = replace(deployed, service=deployed.service | {"PORT": port, "KEEP_DELETED": "0s"}).run("collect")
    assert done.returncode == 0, done.stderr
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(runs[0])
    keys = [each.key for each in deployed.bucket.objects.filter(Prefix=f"{experiment}/")]
    assert keys == [f"{experiment}/{runs[1]}/artifacts/note.txt"]


def test_a_webhook_says_that_an_alias_has_moved(
    deployed: Deployment, served: ExitStack, client: MlflowClient, tmp_path: Path
) -> None:
    """With the receiver that docs/server.md shows."""
    (code,) = re.findall(r"```python\n(.*?)```", (compose.FOLDER.parent / "docs/server.md").read_text(), re.DOTALL)
    (tmp_path / "announce.py").write_text(code)
    port, news = free_port(), tmp_path / "news"
    environment = clean() | {"WEBHOOK_SECRET": "of both", "WEBHOOK_FILE": str(news)}
    address = f"http://127.0.0.1:{port}"
    with listening([sys.executable, str(tmp_path / "announce.py"), str(port)], environment, tmp_path / "log", address):
        events = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
        hook = {"name": "news", "url": address, "events": events, "secret": "of both"}
        deployed.ask("2.0/mlflow/webhooks", hook)
        deployed.ask("2.0/mlflow/webhooks", hook | {"name": "forged", "secret": "another"})
        client.create_registered_model("announced")
        version = client.create_model_version("announced", "s3://bucket/model").version
        client.set_registered_model_alias("announced", "champion", version)
        end = time.monotonic() + PATIENCE
        while not news.exists() and time.monotonic() < end:
            time.sleep(0.1)
    assert news.read_text() == f"announced: champion is now version {version}\n"


def test_a_restored_backup_brings_back_runs_artifacts_models_and_users(
    deployed: Deployment, served: ExitStack, client: MlflowClient, finished: Path, tmp_path: Path
) -> None:
    version = register(EXPERIMENT, 7)
    client.set_registered_model_alias(MODEL, "champion", version)
    before = seen(client, tmp_path / "before")
    saved = deployed.run("backup", tmp_path / "backup")
    assert saved.returncode == 0, saved.stderr
    served.close()  # stops the server
    deployed.wipe()
    restored = deployed.run("restore", tmp_path / "backup")
    assert restored.returncode == 0, restored.stderr
    with deployed.serving():
        assert seen(client, tmp_path / "after") == before
        assert mlflow.pyfunc.load_model(f"models:/{MODEL}@champion").predict([0]) == [7]
        assert deployed.ask("2.0/mlflow/users/get?username=ann")["user"]["username"] == "ann"


def test_a_restore_brings_back_what_was_overwritten_by_as_much(deployed: Deployment, tmp_path: Path) -> None:
    """Large files come to the store in parts, of which it knows no checksum."""
    size = TransferConfig().multipart_threshold + 1
    artifact = deployed.bucket.Object("weights")
    artifact.upload_fileobj(BytesIO(b"a" * size))
    saved = deployed.run("backup", tmp_path / "backup")
    assert saved.returncode == 0, saved.stderr
    artifact.upload_fileobj(BytesIO(b"b" * size))
    restored = deployed.run("restore", tmp_path / "backup")
    assert restored.returncode == 0, restored.stderr
    assert artifact.get()["Body"].read() == b"a" * size


def test_nobody_else_reads_a_backup(deployed: Deployment, tmp_path: Path) -> None:
    assert deployed.run("backup", tmp_path / "backup").returncode == 0
    made = [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)


def test_only_a_whole_backup_is_restored(deployed: Deployment, tmp_path: Path) -> None:
    (tmp_path / "backup" / "artifacts").mkdir(parents=True)
    (tmp_path / "backup" / "database.sql").write_text("SELECT 1;")
    unfinished = deployed.run("restore", tmp_path / "backup")
    assert unfinished.returncode == 1
    assert "no finished backup" in unfinished.stderr
    (tmp_path / "backup" / "SHA256SUMS").write_text(f"{'0' * 64}  ./database.sql\n")
    altered = deployed.run("restore", tmp_path / "backup")
    assert altered.returncode == 1
    assert "database.sql: FAILED" in altered.stdout


def test_a_backup_never_overwrites_another(deployed: Deployment, tmp_path: Path) -> None:
    again = deployed.run("backup", tmp_path)
    assert again.returncode == 1
    assert "name a new folder" in again.stderr
