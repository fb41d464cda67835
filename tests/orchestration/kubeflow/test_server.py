"""What goes wrong between here and a Kubeflow Pipelines server."""

import re
import socket
from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.orchestration.kubeflow.server import NoAnswerError, Server
from tests.orchestration.kubeflow.api import RUN, Cluster, serving

TOKEN = "a-token"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # kfp keeps its latest settings there


def test_a_server_that_is_down_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(NoAnswerError, match=f"^{re.escape(address)}: no answer from Kubeflow Pipelines: "):
            Server(address)


def test_a_server_that_asks_who_is_there_needs_a_token() -> None:
    with serving(Cluster(token=TOKEN, answers=[{"state": "RUNNING"}])) as cluster:
        with pytest.raises(InputError, match="401 Unauthorized: who is there\\?; set KF_PIPELINES_TOKEN to a token"):
            Server(cluster.address)
        assert Server(cluster.address, token=TOKEN).run(RUN).state == "RUNNING"


def test_what_is_no_kubeflow_server_is_named() -> None:
    with serving(Cluster()) as cluster, pytest.raises(InputError, match="elsewhere: 404 Not Found"):
        Server(f"{cluster.address}/elsewhere")


def test_a_run_that_the_server_does_not_know_is_named() -> None:
    with serving(Cluster()) as cluster, pytest.raises(InputError, match=r"404 Not Found: .*/runs/another not found"):
        Server(cluster.address).run("another")


def test_a_server_in_trouble_may_answer_later() -> None:
    with serving(Cluster(answers=[{"status": 503}, {"state": "RUNNING"}])) as cluster:
        server = Server(cluster.address)
        with pytest.raises(NoAnswerError, match="503 Service Unavailable: upstream is away"):
            server.run(RUN)
        assert server.run(RUN).state == "RUNNING"
