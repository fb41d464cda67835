"""A PostgreSQL of its own for a test: Debian's, run as a user that is not root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.server.processes import free_port
from tests.support.lacking import lack


@contextmanager
def postgres(environment: Mapping[str, str]) -> Iterator[int]:
    """Its port; user, password and database are those of libpq's variables."""
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
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={name} -c fsync=off"
        control = (programs / "pg_ctl", f"--pgdata={name}/data", "--wait", "--silent")
        _run(*control, f"--log={name}/log", f"--options={options}", "start")
        try:
            there = {**os.environ, **environment, "PGHOST": "127.0.0.1", "PGPORT": str(port)}
            subprocess.run([programs / "createdb", environment["PGDATABASE"]], env=there, check=True)
            yield port
        finally:
            _run(*control, "--mode=immediate", "stop")


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
