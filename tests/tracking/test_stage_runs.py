"""stage_runs: an epoch is shown in lines of at most 100 columns, and MLflow gets all of its metrics."""

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
    "best_val_loss": 10.71982,
    "best_val_macro_f1": 0.351412,
    "gap_loss": -10.114208,
    "gap_macro_f1": -0.023628,
    "images_per_second": 1174.87,
}


def test_lines_of_an_epoch_fit_100_columns_and_have_best_scores_and_gaps(capsys: pytest.CaptureFixture[str]) -> None:
    kept: list[Any] = []
    run: Any = SimpleNamespace(metrics=lambda metrics, step: kept.append((metrics, step)))
    stage_runs._log_epoch(run, "gender_age-4", 100, 98, METRICS)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "gender_age-4 epoch 99/100: train loss 0.8056, val loss 10.92, macro F1 0.3314, images/s 1175",
        "  best so far: val loss 10.72, macro F1 0.3514; gap, train minus val: loss -10.11, macro F1 -0.02363",
    ]
    assert max(map(len, lines)) <= 100
    assert kept == [(METRICS, 99)]


def test_an_epoch_without_validation_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run: Any = SimpleNamespace(metrics=lambda *_: None)
    stage_runs._log_epoch(run, "mask-refit", 4, 0, {"train_loss": 0.5, "images_per_second": 64})
    assert capsys.readouterr().out == "mask-refit epoch 1/4: train loss 0.5, images/s 64\n"


def test_the_scores_of_epochs_are_read_from_what_the_lines_show(capsys: pytest.CaptureFixture[str]) -> None:
    run: Any = SimpleNamespace(metrics=lambda *_: None)
    for name, epoch, score in (("gender_age-4", 0, 0.331412), ("gender_age-4", 1, 1e-5), ("age-4", 2, 0.5)):
        stage_runs._log_epoch(run, name, 100, epoch, METRICS | {"val_macro_f1": score})
    assert stage_runs.epoch_scores(capsys.readouterr().out, "gender_age-4") == {1: 0.3314, 2: 1e-5}
