"""workspace_lock: who is at work in a workspace is named, and waited for when that is asked."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.orchestration import workspace_lock
from tests.support.workspace import ROOT

HOLD = "from pipeline.orchestration import workspace_lock\nwith workspace_lock.held(): print(flush=True), input()"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / ".dvc" / "config").touch()
    return tmp_path


def note(workspace: Path, content: str) -> Path:
    """DVC's file of who is at work, with this content."""
    path = workspace / ".dvc" / "tmp" / "rwlock"
    path.write_text(content)
    return path


def test_the_end_of_a_dvc_repro_is_waited_for(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    with subprocess.Popen(["sleep", "600"]) as holder:

        def log(text: str) -> None:
            """Keep what is logged, and end the process that is waited for."""
            logged.append(text)
            holder.kill()
            holder.wait()

        monkeypatch.setattr(workspace_lock, "log", log)
        note(workspace, json.dumps({"write": {"a": {"pid": holder.pid, "cmd": "dvc repro a"}}}))
        named = f"process {holder.pid}: dvc repro a"
        with pytest.raises(InputError, match=rf"`run --wait`.*\n  {named}"), workspace_lock.held(workspace):
            pass
        with pytest.raises(InputError, match=named):
            workspace_lock.require_unlocked(workspace)
        assert not logged
        with workspace_lock.held(workspace, math.inf):
            assert logged == [f"waiting for the end of {named}"]


def test_a_folder_of_runs_has_one_command_at_a_time(tmp_path: Path) -> None:
    runs = tmp_path / "compare"
    with workspace_lock.held_runs(runs):
        with (
            pytest.raises(InputError, match=rf"(?s)another command runs in .*compare; .*process {os.getpid()}: "),
            workspace_lock.held_runs(runs),
        ):
            pass
        with workspace_lock.held_runs(tmp_path / "other"):
            pass
    with workspace_lock.held_runs(runs):
        pass


def test_a_second_run_is_refused_and_a_killed_one_holds_nothing(workspace: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(InputError, match=rf"process {other.pid}: .*workspace_lock"), workspace_lock.held(workspace):
            pass
        other.kill()
        other.wait()
        with workspace_lock.held(workspace):
            pass


@pytest.mark.parametrize("content", ["", '{"write": {"a"', "\0" * 40, "[]", '{"read": {"a": 5}}', "[" * 20_000])
def test_what_a_kill_left_of_dvcs_file_is_set_aside(
    workspace: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = note(workspace, content)
    with workspace_lock.held(workspace):
        assert not path.exists()
    assert path.with_name("rwlock.damaged").read_text() == content
    assert "rwlock: damaged" in capsys.readouterr().err


def test_a_number_that_no_process_can_have_holds_nothing(workspace: Path) -> None:
    note(workspace, json.dumps({"write": {str(pid): {"pid": pid, "cmd": "dvc repro"} for pid in (2**40, 2**70)}}))
    with workspace_lock.held(workspace):
        pass


def test_a_folder_without_a_repository_is_held_by_nobody(tmp_path: Path) -> None:
    with workspace_lock.held(tmp_path):
        assert not list(tmp_path.iterdir())
