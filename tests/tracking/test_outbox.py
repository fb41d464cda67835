from pathlib import Path

from pipeline.tracking.outbox import Outbox


def test_files_that_are_removed_while_they_are_measured_count_as_none(tmp_path: Path) -> None:
    place = tmp_path / "files" / "a"
    place.mkdir(parents=True)
    outbox = Outbox(tmp_path)
    assert outbox.largest_file() == 0
    (place / "plot.png").write_bytes(bytes(7))
    assert outbox.largest_file() == 7
    (place / "gone.png").symlink_to("nowhere")  # listed, but not there any more
    assert outbox.largest_file() == 0


def test_an_outbox_that_is_uploaded_and_removed_is_empty(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "removed")
    assert (outbox.size(), outbox.largest_file(), outbox.entries(), outbox.sent()) == (0, 0, [], None)
