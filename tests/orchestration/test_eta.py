"""The estimated time of arrival of a parallel run, on jobs with given times."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.orchestration import eta
from pipeline.orchestration.runner import Job, State

NOW = 1000.0


def job(folder: Path, name: str, state: State, spent: float = 0, text: str = "", **settings: Any) -> Job:
    log = folder / f"{name}.log"
    log.write_text(text)
    ended = NOW if state in ("done", "unchanged", "failed") else 0.0
    return Job(name, [], log, state, started=NOW - spent if spent else 0.0, ended=ended, **settings)


def remaining(*jobs: Job, slots: int = 1) -> float | None:
    return eta.remaining(jobs, slots, NOW)


def test_a_kind_that_has_not_run_has_no_estimate(tmp_path: Path) -> None:
    assert remaining(job(tmp_path, "crop", "done", 9), job(tmp_path, "train@a-0", "waiting")) is None


def test_a_waiting_stage_is_expected_to_take_the_mean_time_of_its_kind(tmp_path: Path) -> None:
    done = [job(tmp_path, f"train@a-{fold}", "done", spent) for fold, spent in enumerate((10, 30))]
    waiting = [job(tmp_path, f"train@b-{fold}", "waiting") for fold in range(4)]
    assert remaining(*done, *waiting) == 80
    assert remaining(*done, *waiting, slots=2) == 40


def test_a_running_training_is_estimated_from_its_finished_epochs(tmp_path: Path) -> None:
    running = job(tmp_path, "train@a-0", "running", 30, text="a-0 epoch 2/10: loss 1\na-0 epoch 3/10: loss 1\n")
    assert remaining(running) == 70


def test_unchanged_stages_do_not_count_for_the_estimate(tmp_path: Path) -> None:
    assert remaining(job(tmp_path, "train@a-0", "unchanged", 1), job(tmp_path, "train@a-1", "waiting")) is None


@pytest.mark.parametrize("state", eta.COLOURS)
def test_the_table_has_a_row_a_stage(tmp_path: Path, state: State) -> None:
    first = job(tmp_path, "train@a-0", state, 3605, text="a-0 epoch 1/2: loss 1\n", gpu=3)
    console = Console(width=80, record=True, file=StringIO())
    console.print(eta.table({first.name: first}, 1, NOW))
    (row,) = [line for line in console.export_text().splitlines() if "train@a-0" in line]
    left = ["1:00:05"] if state == "running" else []
    assert row.replace("│", " ").split() == ["train@a-0", state, "3", "1/2", "1:00:05", *left]
