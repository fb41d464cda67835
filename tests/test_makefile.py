"""The Makefile: what `make clean` removes, and the Python that `make install` takes."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.orchestration import graph

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def test_clean_removes_all_outs_of_stages_and_keeps_other_data(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    outs = [tmp_path / out for stage in graph.read(ROOT).values() for out in stage.outs]
    outs += [tmp_path / folder for folder in ("tracking", "logs", "exported", "mlflow.db", "mlflow.db.lock")]
    own = [tmp_path / "data" / "photos" / "train" / "train.csv", tmp_path / "data" / "photos.dvc"]
    for path in (*outs, *own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True)
    assert not any(path.exists() for path in outs)
    assert all(path.exists() for path in own)


@pytest.mark.parametrize(("version", "reason"), [("3, 10", "is Python 3.10"), ("3, 14", "is Python 3.14")])
def test_another_python_is_refused_before_anything_is_installed(version: str, reason: str, tmp_path: Path) -> None:
    ended = install(tmp_path, version)
    assert ended.returncode == 2
    assert reason in ended.stderr
    assert "name one with PYTHON=python3.11, or install uv, which brings 3.11" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_uv_brings_a_python_where_there_is_none_that_fits(tmp_path: Path) -> None:
    script(
        tmp_path / "bin" / "uv",
        'echo "$*" >>asked; mkdir -p .venv/bin; cp "$0" .venv/bin/uv; ln -sf /bin/true .venv/bin/python',
    )
    ended = install(tmp_path, "3, 14")
    assert ended.returncode == 0, ended.stderr
    brought, synced = (tmp_path / "asked").read_text().splitlines()
    assert brought == "venv --quiet --clear --seed --python 3.11 .venv"
    assert synced.startswith("pip sync --quiet ")


def test_a_python_that_uv_cannot_bring_is_said(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "uv", "echo no network >&2; exit 2")
    ended = install(tmp_path, "3, 10")
    assert ended.returncode == 2
    assert "no network\nuv could not bring Python 3.11: install one, and name it with PYTHON=python3.11" in ended.stderr


def install(folder: Path, version: str) -> "subprocess.CompletedProcess[str]":
    """`make install` by a Python that says it is of this version, with the programs in bin/ and the system's."""
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    code = f"import sys; sys.version_info = ({version}, 0); sys.argv = sys.argv[1:]; exec(sys.argv[1])"
    shown = f'[ "$1" = --version ] && echo Python {version.replace(", ", ".")}'
    script(folder / "python", f'{shown} || {sys.executable} -c "{code}" "$@"')
    command = ["make", "install", f"PYTHON={folder / 'python'}"]
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_port_in_use_is_said_at_once(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", ".venv/installed"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            ["make", "ui", f"PORT={port}"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 2
    assert f"port {port} is in use, perhaps by another `make ui`: choose another" in ended.stderr
    assert "mlflow server" not in ended.stdout
