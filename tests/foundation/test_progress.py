"""progress: a bar at a terminal, a line a minute elsewhere, and the same items."""

import pytest

from pipeline.foundation import progress
from pipeline.foundation.terminal import QUIET, quiet


def test_elsewhere_a_line_a_minute_tells_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter(range(0, 1000, 40))
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    assert list(progress.watch(range(4), "crops", 4)) == [0, 1, 2, 3]
    assert capsys.readouterr().err == "crops: 2 of 4, about 1 min left\n"


def test_other_processes_of_a_group_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "is_first", lambda: False)
    items = [1, 2]
    assert progress.watch(items, "crops", 2) is items


def test_a_quiet_part_of_a_command_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [1, 2]
    with quiet():
        assert progress.watch(items, "crops", 2) is items
    assert progress.watch(items, "crops", 2) is not items
    monkeypatch.setenv(QUIET, "1")
    with quiet():
        pass
    assert progress.watch(items, "crops", 2) is items
