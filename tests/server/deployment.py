"""The server of mlflow/compose.yaml on loopback: real PostgreSQL, moto's S3, and MLflow that asks for passwords."""

import base64
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.server import compose
from tests.server.postgres import Postgres, postgres
from tests.server.processes import clean, free_port, listening


@dataclass(frozen=True)
class Deployment:
    """Database and store run; MLflow runs within `serving`."""

    folder: Path
    port: int
    service: dict[str, str]  # the environment of the compose file's service
    database: Postgres

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return self.service["MLFLOW_AUTH_ADMIN_PASSWORD"]

    @property
    def bucket(self) -> Any:
        """The store's bucket."""
        return _bucket(self.service)

    @contextmanager
    def serving(self, ended_by: signal.Signals = signal.SIGTERM) -> Iterator[None]:
        """MLflow, started by the image's own command."""
        command = [str(compose.FOLDER / "serve"), "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        with listening(command, clean() | self.service, self.folder / "mlflow.log", f"{self.address}/health", ended_by):
            yield

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What MLflow's REST interface answers the administrator."""
        login = base64.b64encode(f"admin:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/api/{path}", content, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def run(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """One of the commands of mlflow/, with the environment that compose gives it."""
        command = [compose.FOLDER / name, *arguments]
        return subprocess.run(command, env=clean() | self.service, capture_output=True, text=True, check=False)

    def wipe(self) -> None:
        """Leave nothing in database and store."""
        sql = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        subprocess.run(["psql", "--quiet", "-c", sql], env=clean() | self.service, check=True, capture_output=True)
        self.bucket.objects.all().delete()


@contextmanager
def deployment(folder: Path, private_authority: bool = False) -> Iterator[Deployment]:
    """Database and store with an empty bucket, as they are before the first start.

    With a private authority, the store speaks TLS with a certificate that only its own authority vouches for.
    """
    composed = compose.read(compose.secrets())["services"]
    service, store = composed["mlflow"]["environment"], free_port()
    with ExitStack() as stack:
        endpoint = f"{'https' if private_authority else 'http'}://127.0.0.1:{store}"
        database = stack.enter_context(postgres(service))
        service |= {"PGHOST": "127.0.0.1", "PGPORT": str(database.port), "MLFLOW_S3_ENDPOINT_URL": endpoint}
        moto = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(store)]
        if private_authority:
            service["AWS_CA_BUNDLE"] = str(_certify(folder))
            moto += ["--ssl", "--ssl-cert", str(folder / "server.crt"), "--ssl-key", str(folder / "server.key")]
        stack.enter_context(listening(moto, clean(), folder / "moto.log", endpoint))
        assert composed["garage"]["environment"]["GARAGE_DEFAULT_BUCKET"] == service["BUCKET"]
        _bucket(service).create()
        yield Deployment(folder, free_port(), service, database)


def _bucket(service: dict[str, str]) -> Any:
    keys = {
        "aws_access_key_id": service["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": service["AWS_SECRET_ACCESS_KEY"],
    }
    address = {"endpoint_url": service["MLFLOW_S3_ENDPOINT_URL"], "region_name": service["AWS_DEFAULT_REGION"]}
    return boto3.resource("s3", **keys, **address, verify=service.get("AWS_CA_BUNDLE")).Bucket(service["BUCKET"])


def _certify(folder: Path) -> Path:
    """Make a certificate for loopback, server.crt with server.key; returns that of its authority."""
    authority, name = folder / "authority.crt", "subjectAltName=IP:127.0.0.1"
    key = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    request = (*key, "-subj", "/CN=server", "-addext", name, "-keyout", "server.key", "-out", "server.csr")
    sign = ("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial", "-copy_extensions", "copy")
    for command in (
        (*key, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "authority.key", "-out", authority.name),
        request,
        ("openssl", "x509", "-req", "-in", "server.csr", *sign, "-days", "2", "-out", "server.crt"),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return authority
