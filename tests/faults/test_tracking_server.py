"""MLflow's server and its database killed while clients write: nothing is lost and nothing is there twice."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import mlflow
import pytest

from pipeline.tracking.outbox import Outbox
from tests.server.deployment import deployment
from tests.server.processes import PATIENCE, clean
from tests.support.mlflow_server import forget
from tests.support.workspace import ROOT

KILLS = max(int(os.environ.get("FAULT_KILLS", "1")) // 10, 1)
CLIENTS = 20
EPOCHS = 10 * KILLS
ENTRIES = EPOCHS + 4  # and start, tags, file and end


def arrived(folder: Path) -> int:
    """How many entries of all clients have arrived."""
    return sum(sent.entries for path in (folder / "tracking").glob("*-*") if (sent := Outbox(path).sent()))


def test_a_killed_server_and_database_lose_nothing_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(tmp_path) as deployed, ExitStack() as serving:
        serving.enter_context(deployed.serving(signal.SIGKILL))
        login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": deployed.password}
        address = {"MLFLOW_TRACKING_URI": deployed.address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        environment = clean() | login | address | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.faults.clients", str(tmp_path), str(CLIENTS), str(EPOCHS)]
        started = time.monotonic()
        with subprocess.Popen(command, cwd=ROOT, env=environment) as clients:
            for kill in range(1, KILLS + 1):
                while arrived(tmp_path) < CLIENTS * ENTRIES * kill / (KILLS + 1):
                    assert clients.poll() is None
                    assert time.monotonic() < started + PATIENCE * (kill + 1)
                    time.sleep(0.02)
                serving.close()
                deployed.database.kill()
                deployed.database.start()
                serving.enter_context(deployed.serving(signal.SIGKILL))
            assert clients.wait(PATIENCE * KILLS) == 0
        for name, value in (login | address).items():
            monkeypatch.setenv(name, value)
        mlflow.set_tracking_uri(deployed.address)
        try:
            client = mlflow.MlflowClient()
            runs = mlflow.search_runs(experiment_names=["load"], output_format="list")
            (whole,) = (run for run in runs if run.data.tags.get("stage") == "pipeline")
            parts = [run for run in runs if run is not whole]
            assert sorted(run.info.run_name for run in parts) == sorted(f"run-{number}" for number in range(CLIENTS))
            for run in parts:
                assert run.info.status == "FINISHED"
                assert run.data.tags["mlflow.parentRunId"] == whole.info.run_id
                losses = client.get_metric_history(run.info.run_id, "loss")
                assert [(each.step, each.value) for each in losses] == [(n, float(n)) for n in range(1, EPOCHS + 1)]
                assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["note.txt"]
        finally:
            forget()
    print(f"\n{KILLS} kills of server and database, {CLIENTS} clients, {CLIENTS * ENTRIES} entries: each there once")
