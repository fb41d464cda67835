"""A training whose MLflow is broken: it loses at most a few seconds at its end, and its run is kept."""

import socketserver
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.tracking import uploader
from pipeline.tracking.outbox import waiting

PAGE = b"<!doctype html><title>Welcome</title>"
SLACK = 5.0  # seconds of a busy machine


def answer(status: str, body: bytes, kind: str = "text/html") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


ANSWERS: dict[str, bytes] = {
    "500": answer("500 Internal Server Error", b"oops"),
    "401": answer("401 Unauthorized", b"who are you?"),
    "html": answer("200 OK", PAGE),
    "garbage": bytes(range(256)) * 4,
    "closed": b"",
}


@contextmanager
def listening(react: Callable[[socketserver.BaseRequestHandler], None]) -> Iterator[str]:
    """The address of a server that reads a request and reacts."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                react(self)
            except OSError:  # the client is gone
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def broken(kind: str, root: Path) -> Iterator[str]:
    """The address of an MLflow that is broken in this way."""
    over = threading.Event()

    def drip(handler: socketserver.BaseRequestHandler) -> None:
        handler.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.2):
            handler.request.sendall(b" ")

    if kind == "locked":
        with sqlite3.connect(root / "mlflow.db") as database:
            database.execute("BEGIN EXCLUSIVE")
            yield f"sqlite:///{root}/mlflow.db"
            database.rollback()
        database.close()
        return
    reactions: dict[str, Callable[[socketserver.BaseRequestHandler], object]] = {
        "silent": lambda _: over.wait(),
        "dripping": drip,
    }
    react = reactions.get(kind, lambda handler: handler.request.sendall(ANSWERS[kind]))
    with listening(react) as address:
        try:
            yield address
        finally:
            over.set()


@pytest.mark.parametrize("kind", ["silent", "dripping", "locked", *ANSWERS])
def test_a_broken_mlflow_costs_a_training_five_seconds_at_most(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    with broken(kind, tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with tracking.run("mask-0", {}, {}, "faces") as run:
            (outbox,) = waiting()
            while outbox.sent() is None:  # the uploading process starts, which is no fault of the server
                time.sleep(0.1)
            before = time.monotonic()
            for epoch in range(20):
                run.metrics({"f1": 0.5}, epoch)
            assert time.monotonic() - before < SLACK, "logging does not wait for MLflow"
            before = time.monotonic()
        assert time.monotonic() - before < uploader.IDLE_TIMEOUT + SLACK
    assert "does not accept this run, which is kept in tracking/" in capfd.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert tracking.sync() == 1, "nothing of it is lost"


def test_sync_ends_on_a_server_that_sends_a_byte_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        with tracking.run("mask-0", {}, {}, "faces"):
            pass
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    with broken("dripping", tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        before = time.monotonic()
        with pytest.raises(InputError, match="MLflow does not accept these runs"):
            tracking.sync()
        assert time.monotonic() - before < 2 + SLACK
