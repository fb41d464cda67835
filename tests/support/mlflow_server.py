"""A real MLflow server on a database of its own, which a test can stop and start again."""

import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import mlflow

from tests.server.processes import clean, free_port, listening


class Server:
    """`mlflow server` on a free port of this machine; artifacts go through it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._port = free_port()
        self._running = ExitStack()
        self.address = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--backend-store-uri", f"sqlite:///{self.root}/server.db", "--workers", "1"]
        command += ["--artifacts-destination", str(self.root / "artifacts")]
        environment = clean() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        running = listening(command, environment, self.root / "server.log", f"{self.address}/health", signal.SIGKILL)
        self._running.enter_context(running)

    def stop(self) -> None:
        """End it at once, whatever it is doing."""
        self._running.close()


def forget() -> None:
    """Have MLflow look at the environment again for its server, as its own tests do."""
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
