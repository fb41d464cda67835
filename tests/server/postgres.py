"""A PostgreSQL of its own for a test: Debian's, run as a user that is not root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.server.processes import free_port
from tests.support.lacking import lack


@dataclass(frozen=True)
class Postgres:
    """A database server, which a test can kill and start again."""

    folder: Path
    port: int

    def start(self) -> None:
        folder, control = self.folder, _programs() / "pg_ctl"
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        command = (
            f"--pgdata={folder}/data",
            "--wait",
            "--silent",
            f"--log={folder}/log",
            f"--options={options}",
            "start",
        )
        _run(control, *command)

    def stop(self) -> None:
        _run(_programs() / "pg_ctl", f"--pgdata={self.folder}/data", "--wait", "--silent", "--mode=immediate", "stop")

    def kill(self) -> None:
        """Kill the server and all its processes at once."""
        server = psutil.Process(int((self.folder / "data/postmaster.pid").read_text().split()[0]))
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)


@contextmanager
def postgres(environment: Mapping[str, str]) -> Iterator[Postgres]:
    """A running server; user, password and database are those of libpq's variables."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:  # pytest's own folders are closed to other users
        folder = Path(name)
        (folder / "password").write_text(environment["PGPASSWORD"])
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        port, user = free_port(), f"--username={environment['PGUSER']}"
        initial = ["--auth=scram-sha-256", f"--pwfile={name}/password", "--encoding=UTF8", "--no-sync"]
        _run(programs / "initdb", f"--pgdata={name}/data", user, *initial)
        server = Postgres(folder, port)
        server.start()
        try:
            there = {**os.environ, **environment, "PGHOST": "127.0.0.1", "PGPORT": str(port)}
            subprocess.run([programs / "createdb", environment["PGDATABASE"]], env=there, check=True)
            yield server
        finally:
            server.stop()


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    missing = [name for name in ("rclone", "psql", "setpriv") if shutil.which(name) is None]
    if not found or missing:
        lack("a database server: apt-get install postgresql rclone")
    return found[-1].parent


def _run(*command: str | Path) -> None:
    """As user postgres where we are root, which the programs refuse to be."""
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    done = subprocess.run([*user, *command], cwd="/", stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, command
