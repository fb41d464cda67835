"""stage_runs: an epoch is a line of at most 100 columns, and MLflow gets all of its metrics."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.tracking import stage_runs

METRICS = {
    "learning_rate": 0.0038,
    "train_loss": 0.805612,
    "train_accuracy": 0.7208,
    "val_loss": 10.91982,
    "val_accuracy": 0.692512,
    "val_macro_f1": 0.331412,
    "gap_macro_f1": -0.02362,
    "images_per_second": 1174.87,
}


def test_an_epoch_is_a_line_that_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    kept: list[Any] = []
    run: Any = SimpleNamespace(metrics=lambda metrics, step: kept.append((metrics, step)))
    stage_runs._log_epoch(run, "gender_age-4", 100, 98, METRICS)
    line = capsys.readouterr().out
    figures = "train loss 0.8056, val loss 10.92, macro F1 0.3314, images/s 1175"
    assert line == f"gender_age-4 epoch 99/100: {figures}\n"
    assert len(line) <= 100
    assert kept == [(METRICS, 99)]


def test_the_scores_of_epochs_are_read_from_what_the_lines_show(capsys: pytest.CaptureFixture[str]) -> None:
    run: Any = SimpleNamespace(metrics=lambda *_: None)
    for name, epoch, score in (("gender_age-4", 0, 0.331412), ("gender_age-4", 1, 1e-5), ("age-4", 2, 0.5)):
        stage_runs._log_epoch(run, name, 100, epoch, METRICS | {"val_macro_f1": score})
    assert stage_runs.epoch_scores(capsys.readouterr().out, "gender_age-4") == {1: 0.3314, 2: 1e-5}
