"""Runs as MLflow shows them after a stage."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

from pipeline import tracking
from pipeline.foundation import forkserver
from pipeline.tracking.entries import Entry
from pipeline.tracking.outbox import Outbox
from tests.server.processes import PATIENCE
from tests.support.full_disk import small_disk


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are processes started anew, as with `dvc repro`; elsewhere in these tests they are forked."""
    monkeypatch.delenv(forkserver.ADDRESS)


def runs() -> list[Run]:
    return mlflow.search_runs(search_all_experiments=True, output_format="list")


def test_nested_parameters_become_flat_ones() -> None:
    assert tracking.flat({"a": 1, "b": {"c": 2, "d": {"e": [3]}}}) == {"a": 1, "b.c": 2, "b.d.e": [3]}


def test_a_run_has_name_tags_parameters_metrics_by_epoch_and_files(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("epochs.csv", "photo.png", "weights.safetensors"):
        (tmp_path / "out" / name).write_text(name)
    with tracking.run("mask-0", {"stage": "train"}, {"optimizer": {"name": "adam"}}, "faces") as run:
        run.metrics({"f1": 0.5}, 1)
        run.metrics({"f1": 0.7}, 2)
        run.files(tmp_path / "out")
    (found,) = runs()
    client = mlflow.MlflowClient()
    assert found.info.run_name == "mask-0"
    assert found.info.status == "FINISHED"
    assert found.data.tags["stage"] == "train"
    assert found.data.params == {"optimizer.name": "adam"}
    history = client.get_metric_history(found.info.run_id, "f1")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.7)]
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["epochs.csv", "photo.png"]
    assert (tmp_path / "mlflow.db").exists()
    assert (tmp_path / "mlartifacts").is_dir()


def test_a_table_is_logged_as_mlflow_logs_one_with_an_image_in_each_row(tmp_path: Path) -> None:
    rows = pd.DataFrame({"path": ["b.jpg", "a.jpg"], "probability": [0.9, 0.8]}, index=[7, 3])
    with tracking.run("ensemble", {}, {}, "faces") as run:
        run.table("mistakes", rows, [np.full((600, 300, 3), value, np.uint8) for value in (0, 200)])
        run.table("none", rows[:0], [])
    (found,) = runs()
    assert json.loads(found.data.tags["mlflow.loggedArtifacts"]) == [{"path": "mistakes.json", "type": "table"}]
    table = mlflow.MlflowClient().load_table(found.info.experiment_id, "mistakes.json")
    assert table[["path", "probability"]].to_dict("list") == rows.to_dict("list")
    (first, second) = table["image"]
    assert {first["type"], second["type"]} == {"image"}
    assert first["filepath"] == first["compressed_filepath"] == "table_images/mistakes/0.jpg"
    images = [mlflow.artifacts.load_image(f"runs:/{found.info.run_id}/{one['filepath']}") for one in table["image"]]
    assert [image.size for image in images] == [(128, 256)] * 2
    assert images[1].getpixel((5, 5)) == (200, 200, 200)


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError, BlockingIOError])
def test_a_run_whose_body_raises_has_failed_with_that_error(error: type[Exception]) -> None:
    with pytest.raises(error, match="out of reach"), tracking.run("mask-0", {}, {}, "faces"):
        raise error("out of reach")
    (found,) = runs()
    assert found.info.status == "FAILED"


def test_an_ensemble_names_its_members_by_content_and_by_run(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    with tracking.run("mask-0", {}, {}, "faces") as run:
        run.tag_output(weights)
    (training,) = runs()
    digest = training.data.tags["weights_sha256"]
    with tracking.run("ensemble", {}, {}, "faces") as run:
        run.members({"mask-0": digest, "mask-1": "0" * 64})
    ensemble = next(found for found in runs() if found.info.run_name == "ensemble")
    assert ensemble.data.tags["member.mask-0"] == digest
    assert ensemble.data.tags["member_run.mask-0"] == training.info.run_id
    assert ensemble.data.tags["member_run.mask-1"] == "unknown"


def test_the_experiment_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    for _ in range(2):
        with tracking.run("mask-0", {}, {}, "faces"):
            pass
    experiment = mlflow.get_experiment_by_name("elsewhere")
    assert experiment is not None
    assert [found.info.experiment_id for found in runs()] == [experiment.experiment_id] * 2


def test_a_later_stage_writes_into_the_run_that_made_its_input(tmp_path: Path) -> None:
    probabilities, submission = tmp_path / "eval_probabilities.parquet", tmp_path / "submission.csv"
    probabilities.write_text("probabilities")
    submission.write_text("submission")
    for name in ("before", "ensemble"):
        with tracking.run(name, {}, {}, "faces") as run:
            run.tag_output(probabilities)
    with tracking.run_with_output(probabilities, "submit", "faces") as run:
        run.file(submission)
        run.metrics({"submission_macro_f1": 0.5})
    ensemble = next(found for found in runs() if found.info.run_name == "ensemble")
    assert len(runs()) == 2
    assert ensemble.data.metrics["submission_macro_f1"] == 0.5
    assert ensemble.info.status == "FINISHED"
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(ensemble.info.run_id)] == ["submission.csv"]


def test_an_input_that_no_run_made_opens_a_run_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "eval_probabilities.parquet").write_text("from elsewhere")
    with tracking.run_with_output(tmp_path / "eval_probabilities.parquet", "submit", "faces") as run:
        run.metrics({"submission_macro_f1": 0.5})
    (found,) = runs()
    assert found.info.run_name == "submit"


def test_a_run_whose_outbox_finds_no_room_goes_on_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        monkeypatch.setenv(tracking.TRACKING, str(disk / "tracking"))
        number = 0
        with suppress(OSError):  # no further file or folder fits
            while True:
                number += 1
                (disk / str(number)).write_bytes(b"0" * 4096)
        with tracking.run("mask-0", {}, {}, "faces") as run:
            run.metrics({"loss": 1.0}, step=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(r"disk.*: No space left on device; nothing (more )?of this run is logged$", line)
    assert not mlflow.search_runs(search_all_experiments=True, output_format="list")


def test_a_full_disk_ends_the_log_of_a_run_and_not_its_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append = Outbox.append

    def full(outbox: Outbox, entry: Entry) -> None:
        if entry.kind == "metrics":
            raise OSError(errno.ENOSPC, "No space left on device", "entries.jsonl")
        append(outbox, entry)

    monkeypatch.setattr(Outbox, "append", full)
    with tracking.run("mask-0", {}, {}, "faces") as run:
        run.metrics({"f1": 0.5}, 1)
        run.metrics({"f1": 0.7}, 2)
    said = capsys.readouterr().err
    assert said.count("entries.jsonl: No space left on device; nothing more of this run is logged") == 1


def test_a_run_whose_process_is_killed_is_shown_as_killed() -> None:
    code = "import time; from pipeline import tracking\nwith tracking.run('mask-0', {}, {}, 'faces'): time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not [run for run in runs() if run.info.status == "RUNNING"]:
        time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while time.monotonic() < end and list(Path("tracking").glob("*-*")):  # removed once MLflow has the end
        time.sleep(0.3)
    assert [run.info.status for run in runs()] == ["KILLED"]
    assert not list(Path("tracking").glob("*-*"))
