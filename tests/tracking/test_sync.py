"""Outboxes: whatever is interrupted, and however often the upload is tried, MLflow has everything once."""

import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run
from mlflow.utils.workspace_context import get_request_workspace

from pipeline import tracking
from pipeline.foundation.errors import InputError
from pipeline.registry import versions
from pipeline.tracking.entries import End, Start, Tags
from pipeline.tracking.outbox import Outbox, Sent, waiting
from pipeline.tracking.sender import Sender


@pytest.fixture(scope="session")
def unsent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outbox of a whole run whose server never answered."""
    root = tmp_path_factory.mktemp("unsent")
    (root / "table.csv").write_text("person\nada\nada\nbob\n")
    with pytest.MonkeyPatch.context() as away:
        away.chdir(root)
        away.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens on the discard port
        away.setenv(tracking.PIPELINE_RUN, "run of the test")
        with tracking.run("mask-0", {"stage": "train"}, {"optimizer": {"name": "adam"}}, "faces") as run:
            run.inputs(Path("table.csv"))
            for epoch in (1, 2):
                run.metrics({"f1": epoch / 2, "loss": float("nan")}, epoch)
            run.file(Path("table.csv"))
            run.set_description("A run.")
        (outbox,) = waiting()
    return root / outbox.folder


@pytest.fixture
def lost(unsent: Path, tmp_path: Path, store: str) -> Outbox:
    """A copy of that outbox in the test's folder."""
    return Outbox(shutil.copytree(unsent, tmp_path / "tracking" / unsent.name))


class Cut(Outbox):
    """An outbox whose sender is killed after an entry has arrived, before it is noted."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self._after = after

    def save_sent(self, sent: Sent) -> None:
        if sent.entries == self._after:
            raise KeyboardInterrupt
        super().save_sent(sent)


def runs() -> list[Run]:
    tracking.connect()
    return mlflow.search_runs(search_all_experiments=True, filter_string="tags.stage = 'train'", output_format="list")


def content(run: Run) -> Any:
    client = mlflow.MlflowClient()
    history = {
        key: [(each.step, str(each.value), each.timestamp) for each in client.get_metric_history(run.info.run_id, key)]
        for key in run.data.metrics
    }
    tags = {key: value for key, value in run.data.tags.items() if key != "outbox"}
    files = [(file.path, file.file_size) for file in client.list_artifacts(run.info.run_id)]
    assert run.inputs is not None
    inputs = [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs]
    return run.info.status, run.info.start_time, run.info.end_time, run.data.params, tags, history, files, inputs


def test_a_sync_that_is_killed_anywhere_loses_and_doubles_nothing(lost: Outbox) -> None:
    entries = lost.entries()
    for after in range(1, len(entries) + 1):
        copy = lost.folder.with_name(f"{lost.name}{after:02}")
        shutil.copytree(lost.folder, copy)
        with pytest.raises(KeyboardInterrupt):
            Sender(Cut(copy, after)).send()
    assert tracking.sync() == len(entries) + 1
    found = [content(run) for run in runs()]
    assert len(found) == len(entries) + 1, "each outbox became one run"
    assert all(each == found[0] for each in found)
    status, *_, history, files, inputs = found[0]
    assert status == "FINISHED"
    assert [value for _, value, _ in history["f1"]] == ["0.5", "1.0"]
    assert files == [("table.csv", 19)]
    assert [name for name, _ in inputs] == ["table.csv"]
    assert tracking.sync() == 0


def test_a_run_that_was_killed_is_sent_as_such_without_its_torn_last_line(lost: Outbox) -> None:
    path = lost.folder / "entries.jsonl"
    whole = [line for line in path.read_text().splitlines(keepends=True) if '"kind":"end"' not in line]
    path.write_text("".join(whole) + '{"time":17')
    last = lost.entries()[-1].time
    tracking.sync()
    (run,) = runs()
    assert (run.info.status, run.info.end_time) == ("KILLED", last)


def test_a_full_disk_takes_an_entry_whole_or_not_at_all() -> None:
    outbox = Outbox.new()
    outbox.append(Start(name="a", address="", experiment="faces", tags={}, commit={}, pipeline=None))
    usual, room = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, room[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            outbox.append(Tags(values={"second": "2" * 200}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, room)
        signal.signal(signal.SIGXFSZ, usual)
    outbox.append(End(status="FAILED"))
    assert [entry.kind for entry in outbox.entries()] == ["start", "end"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20] + b"\0" * 19 + b"\n",  # the tail of a file after a power cut
        lambda data: data.replace(b'"kind":"metrics"', b'"kind":"curves"'),  # of another version
        lambda data: data.replace(b'"step":1', b'"epoch":1'),
        lambda data: data.partition(b"\n")[2],
        lambda data: data.replace(b"files/", b"files/../../../"),  # a file outside of the outbox
        lambda data: b"\xff\n" + data,
    ],
    ids=["zeros", "kind", "field", "beginning", "path", "encoding"],
)
def test_a_damaged_outbox_is_set_aside_and_the_others_are_sent(
    damage: Callable[[bytes], bytes], lost: Outbox, capfd: pytest.CaptureFixture[str]
) -> None:
    good = Outbox(shutil.copytree(lost.folder, lost.folder.with_name(f"{lost.name}1")))
    path = lost.folder / "entries.jsonl"
    assert path.read_bytes() != damage(path.read_bytes())
    path.write_bytes(damage(path.read_bytes()))
    assert tracking.sync() == 1
    assert f"set aside in {Path('tracking/damaged') / lost.name}" in capfd.readouterr().err
    assert not good.folder.exists()
    assert Path("tracking/damaged", lost.name, "entries.jsonl").exists()
    assert len(runs()) == 1
    assert tracking.sync() == 0


def test_a_file_behind_a_link_out_of_the_outbox_is_not_sent(lost: Outbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (file,) = (lost.folder / "files").glob("*/table.csv")
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    assert tracking.sync() == 0
    assert Path("tracking/damaged", lost.name).exists()


def test_a_damaged_note_of_what_was_sent_changes_nothing(lost: Outbox) -> None:
    with pytest.raises(KeyboardInterrupt):
        Sender(Cut(lost.folder, 6)).send()
    before = lost.sent()
    assert before is not None
    (lost.folder / "sent.json").write_bytes(b"\0" * 40)
    assert lost.sent() is None
    assert tracking.sync() == 1
    (run,) = runs()
    assert run.info.run_id == before.run
    assert [value for _, value, _ in content(run)[5]["f1"]] == ["0.5", "1.0"]


def test_a_run_that_vanished_from_mlflow_is_sent_again_as_a_new_run(lost: Outbox, tmp_path: Path, empty: Path) -> None:
    """The database is restored from a backup of the time before the run."""
    entries = lost.entries()
    with pytest.raises(KeyboardInterrupt):
        Sender(Cut(lost.folder, len(entries) - 2)).send()
    assert len(runs()) == 1
    shutil.copy(empty, tmp_path / "mlflow.db")
    assert tracking.sync() == 1
    (run,) = runs()
    status, *_, history, files, _ = content(run)
    assert status == "FINISHED"
    assert [value for _, value, _ in history["f1"]] == ["0.5", "1.0"]
    assert files == [("table.csv", 19)]


def test_a_run_that_is_being_written_is_left_alone(lost: Outbox) -> None:
    with lost.claimed() as mine:
        assert mine
        assert tracking.sync() == 0
    assert runs() == []


def test_a_sent_outbox_that_cannot_be_removed_is_not_sent_again(lost: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS, which keeps a folder as long as a file in it is open, here the lock."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(os, "rmdir", refuse)
    lost.remove()
    assert waiting() == []


def test_an_outbox_that_is_being_removed_is_not_sent(lost: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    remove, removed = shutil.rmtree, []

    def meanwhile(folder: Path, ignore_errors: bool) -> None:
        with lost.claimed() as mine:
            removed.append((waiting(), mine))
        remove(folder, ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", meanwhile)
    lost.remove()
    assert removed == [([], False)]
    assert not list(Path("tracking").iterdir())


def test_the_next_run_that_reaches_mlflow_sends_earlier_ones(lost: Outbox) -> None:
    with tracking.run("mask-1", {"stage": "train"}, {}, "faces"):
        pass
    assert {run.info.run_name for run in runs()} == {"mask-0", "mask-1"}
    assert waiting() == []


def test_a_run_that_cannot_be_sent_is_named_and_kept(lost: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=rf"MLflow does not accept .*\(1\):\n  tracking/{lost.name}: "):
        tracking.sync()
    assert lost.folder.exists()


def test_a_run_is_sent_to_the_workspace_in_which_it_was_logged(lost: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_to: list[str | None] = []
    monkeypatch.setattr(Sender, "_connected", lambda *_: sent_to.append(get_request_workspace()))
    for kind in ("start", "params", "tags", "metrics", "inputs", "file", "members", "description", "end"):
        monkeypatch.setattr(Sender, f"_{kind}", lambda *_: None)
    monkeypatch.setattr(Sender, "_follow", lambda *_: None)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "of-the-run")
    monkeypatch.setattr("pipeline.tracking.runs.Uploader", lambda *_: SimpleNamespace(finish=lambda: None))
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    (logged,) = (outbox for outbox in waiting() if outbox.name != lost.name)
    monkeypatch.delenv("MLFLOW_WORKSPACE")
    for outbox in (logged, lost):
        Sender(outbox).send()
    monkeypatch.setenv("MLFLOW_WORKSPACE", "of-the-sender")
    logged.save_sent(Sent())
    Sender(logged).send()
    assert [key for key, _ in groupby(sent_to)] == ["of-the-run", None, "of-the-sender"]


def test_addresses_are_kept_without_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:secret@127.0.0.1:9")
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    assert b"secret" not in b"".join(path.read_bytes() for path in Path("tracking").rglob("*") if path.is_file())


def test_no_message_shows_a_password(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:p@ss@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with tracking.run("mask-0", {}, {}, "faces"):
        pass
    tracking.producer_id("weights", "0" * 64)
    with pytest.raises(InputError) as kept:
        tracking.sync()
    with pytest.raises(InputError) as refused, versions.as_input_errors():
        versions.model_tags("mga")
    for said in (*capfd.readouterr(), str(kept.value), str(refused.value)):
        assert "127.0.0.1:9" in said
        assert "ada" not in said
        assert "ss@" not in said
