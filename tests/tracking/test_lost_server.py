"""A training whose MLflow server is stopped in its middle, and what MLflow knows of it in the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run
from typer.testing import CliRunner

from pipeline import tracking
from pipeline.cli.app import app
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.training import Inputs
from pipeline.stages.train import train
from pipeline.tracking import stage_runs
from tests.server.processes import PATIENCE
from tests.support.mlflow_server import Server

OF_TIME = ("images_per_second",)  # and what the machine did meanwhile, `system/...`


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def address(server: Server, trainable: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(trainable)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(PATIENCE))
    monkeypatch.setenv(tracking.PIPELINE_RUN, "run of the test")
    return server.address


@pytest.fixture
def learn(config: Callable[..., ModelConfig], trainable: Path) -> Callable[..., None]:
    """Train and track into an experiment; `after` is called after an epoch."""

    def run(experiment: str, monkeypatch: pytest.MonkeyPatch, after: Callable[[int], None] = lambda _: None) -> None:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
        inputs = Inputs(Path("crops"), Path("labels.parquet"), Path("folds.parquet"), Path(f"{experiment}.pt"))
        settings, output = config(heads={"gender": {}}), Path("out")
        with stage_runs.training(
            stage_runs.TrainingRun("train", "gender", 0, settings, inputs, output, "faces")
        ) as on_epoch:

            def watch(epoch: int, measured: dict[str, float]) -> None:
                on_epoch(epoch, measured)
                after(epoch)

            train(inputs, "gender", 0, settings, output, watch)

    return run


def logged(experiment: str) -> dict[str, Any]:
    """All that MLflow knows of the one training of an experiment but ids, and what depends on time."""
    client = mlflow.MlflowClient()
    (run,) = trainings(experiment)
    keys = [key for key in run.data.metrics if key not in OF_TIME and not key.startswith("system/")]
    history = {key: client.get_metric_history(run.info.run_id, key) for key in keys}
    parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    tags = {key: value for key, value in run.data.tags.items() if key not in ("outbox", "mlflow.parentRunId")}
    tags["mlflow.note.content"] = tags["mlflow.note.content"].rpartition("\n")[0]
    assert run.inputs is not None
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "tags": tags,
        "metrics": {key: [(each.step, each.value) for each in values] for key, values in history.items()},
        "files": {file.path: content(run, file.path) for file in client.list_artifacts(run.info.run_id)},
        "inputs": {
            (each.dataset.name, each.dataset.digest, each.dataset.profile) for each in run.inputs.dataset_inputs
        },
        "pipeline": (parent.info.run_name, parent.info.status),
    }


def trainings(experiment: str) -> list[Run]:
    return mlflow.search_runs(experiment_names=[experiment], filter_string="tags.stage = 'train'", output_format="list")


def content(run: Run, path: str) -> bytes:
    return Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path)).read_bytes()


@pytest.mark.usefixtures("address")
def test_a_training_that_loses_its_server_is_logged_whole_and_once(
    server: Server,
    learn: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    learn("undisturbed", monkeypatch)
    learn("middle", monkeypatch, after=lambda epoch: server.stop() if epoch == 0 else None)
    learn("start", monkeypatch)
    assert len(list(Path("tracking").iterdir())) == 2
    assert "`python -m pipeline tracking sync` sends it" in capsys.readouterr().err
    refused = CliRunner().invoke(app, ["tracking", "sync"])
    assert "MLflow does not accept these runs" in str(refused.exception)
    server.start()
    for message in ("2 runs uploaded", "no runs to upload"):
        sent = CliRunner().invoke(app, ["tracking", "sync"], catch_exceptions=False)
        assert message in sent.output
    assert not list(Path("tracking").iterdir())
    undisturbed = logged("undisturbed")
    assert [step for step, _ in undisturbed["metrics"]["val_macro_f1"]] == [1, 2, 3]
    assert {"train.parquet", "labels.parquet", "folds.parquet"} == {name for name, *_ in undisturbed["inputs"]}
    assert {"augmentation.jpg", "epochs.csv", "lock.json"} <= set(undisturbed["files"])
    assert logged("middle") == undisturbed
    assert logged("start") == undisturbed
