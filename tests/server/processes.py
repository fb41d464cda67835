"""Programs that listen on loopback, started for a test and ended after it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = int(os.environ.get("PATIENCE", "180"))  # seconds until a program that does not answer is given up
OURS = ("AWS_", "PG", "MLFLOW_")  # what must not come from outside


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def clean() -> dict[str, str]:
    """This process's environment without what names a server, a store or a password."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"PATH": path, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@contextmanager
def listening(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    address: str,
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """A program, from when it answers at an address until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, log, address)
            yield
        finally:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(process.pid, ended_by)  # the program and the workers that it started
            process.wait(PATIENCE)


def _wait(process: subprocess.Popen[bytes], log: Path, address: str) -> None:
    end = time.monotonic() + PATIENCE
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"{process.args!r} does not answer at {address}:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # it answers that one may not
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # it answers, with a certificate that this process does not know
    except OSError:
        return False
