"""stage_commands: which lines of dvc.yaml are forked, and that a shell runs all others."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.foundation.forkserver import ADDRESS
from pipeline.foundation.processes import environment
from pipeline.orchestration import stage_commands
from pipeline.orchestration.stage_commands import python_command


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python -m pipeline train --fold 1", ["-m", "pipeline", "train", "--fold", "1"]),
        ("python3 src/train.py a=1 data/x@0.npy", ["src/train.py", "a=1", "data/x@0.npy"]),
        ("python -m pipeline train; rm x", None),
        ("python -m pipeline > log", None),
        ("python -m pipeline $HOME", None),
        ("python -m pipeline 'a b'", None),
        ("python -m pipeline *.csv", None),
        ("python -m pipeline ~/x", None),
        ("python -m pipeline &", None),
        ("python -c 1", None),
        ("python -u -m pipeline", None),
        ("python", None),
        ("A=1 python -m pipeline", None),
        ("perl x.pl", None),
        ("/usr/bin/python -m pipeline", None),
    ],
)
def test_a_line_is_forked_if_it_runs_this_python_and_needs_no_shell(line: str, words: list[str] | None) -> None:
    assert python_command(line, environment()) == (words and [sys.executable, *words])


def test_another_python_is_started_anew(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    assert python_command("python -m pipeline", {"PATH": str(tmp_path)}) is None
    assert python_command("python -m pipeline", {"PATH": str(tmp_path / "none")}) is None


def test_without_a_server_a_shell_runs_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    with (tmp_path / "out").open("w") as out:
        words = ["sh", "-c", "python -m this"]
        process = stage_commands.start(words, cwd=tmp_path, env=environment(), stdout=out)
        process.communicate()
    assert isinstance(process, subprocess.Popen)
    assert "Beautiful is better than ugly." in (tmp_path / "out").read_text()
