"""Files written whole or not at all: a kill at every line and a full disk leave the old file or the new one."""

from pathlib import Path

import pytest

from pipeline.foundation import files
from tests.support.full_disk import file_size_limit, small_disk
from tests.support.kills import seen_at_every_line

OLD, NEW = "old\n" * 1000, "new\n" * 2000


def test_a_kill_at_any_line_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(OLD)
    found = seen_at_every_line(lambda: files.write_text(path, NEW), path)
    assert set(found) == {OLD, NEW}
    assert len(found) > 50
    path.write_text(OLD)
    naive = seen_at_every_line(lambda: path.write_text(NEW), path)
    assert "" in naive, "the test finds what it looks for"


def test_a_leftover_of_a_kill_is_written_over_and_gone(tmp_path: Path) -> None:
    (tmp_path / ".table.csv.partial").write_text("half a ta")
    files.write_text(tmp_path / "table.csv", NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_body_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(OLD)
    with pytest.raises(TypeError), files.replacing(path) as partial:
        partial.write_bytes(NEW)  # type: ignore[arg-type]
    assert path.read_text() == OLD
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_a_file_that_may_not_grow_is_named_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(OLD)
    with file_size_limit(len(OLD)), pytest.raises(OSError, match="File too large") as raised:
        files.write_text(path, NEW)
    assert raised.value.filename == str(path)
    assert path.read_text() == OLD
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        path = disk / "table.csv"
        path.write_text(OLD)
        with pytest.raises(OSError, match="No space left on device") as raised:
            files.write_text(path, NEW * 2)
        assert raised.value.filename == str(path)
        assert path.read_text() == OLD
        files.write_text(path, OLD[:-4])
        assert path.read_text() == OLD[:-4], "the next run goes on"


def test_an_error_that_names_a_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, files.replacing(tmp_path / "table.csv"):
        (tmp_path / "input.csv").read_text()
    assert raised.value.filename == str(tmp_path / "input.csv")


def test_a_link_that_leads_nowhere_is_nothing_to_sync(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("absent")
    files.sync(tmp_path)
