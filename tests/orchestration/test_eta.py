"""The forecast of a parallel run, on jobs whose times are set by hand."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.orchestration import eta
from pipeline.orchestration.graph import Stage
from pipeline.orchestration.runner import Job, State

NOW = 1000.0


def job(folder: Path, name: str, state: State, spent: float = 0, says: str = "", **settings: Any) -> Job:
    fields: dict[str, Any] = dict.fromkeys(Stage.__dataclass_fields__, ()) | {
        "name": name,
        "command": "",
        "description": "",
    }
    log = folder / f"{name}.log"
    log.write_text(says)
    ended = NOW if state in ("done", "unchanged", "failed") else 0.0
    return Job(Stage(**fields), log, state, started=NOW - spent if spent else 0.0, ended=ended, **settings)


def remaining(*jobs: Job, slots: int = 1) -> float | None:
    return eta.remaining(jobs, slots, NOW)


def test_nothing_is_foretold_of_a_kind_that_has_not_run(tmp_path: Path) -> None:
    assert remaining(job(tmp_path, "crop", "done", 9), job(tmp_path, "train@a-0", "waiting")) is None


def test_a_waiting_stage_is_taken_to_last_as_others_of_its_kind_did(tmp_path: Path) -> None:
    done = [job(tmp_path, f"train@a-{fold}", "done", spent) for fold, spent in enumerate((10, 30))]
    waiting = [job(tmp_path, f"train@b-{fold}", "waiting") for fold in range(4)]
    assert remaining(*done, *waiting) == 80
    assert remaining(*done, *waiting, slots=2) == 40


def test_a_running_training_is_taken_to_go_on_as_its_epochs_have(tmp_path: Path) -> None:
    running = job(tmp_path, "train@a-0", "running", 30, says="a-0 epoch 2/10: loss 1\na-0 epoch 3/10: loss 1\n")
    assert remaining(running) == 70


def test_what_did_not_have_to_run_tells_nothing_of_how_long_it_takes(tmp_path: Path) -> None:
    assert remaining(job(tmp_path, "train@a-0", "unchanged", 1), job(tmp_path, "train@a-1", "waiting")) is None


@pytest.mark.parametrize("state", eta.COLOURS)
def test_the_table_has_a_row_a_stage(tmp_path: Path, state: State) -> None:
    first = job(tmp_path, "train@a-0", state, 3605, says="a-0 epoch 1/2: loss 1\n", gpu=3)
    console = Console(width=80, record=True, file=StringIO())
    console.print(eta.table({first.stage.name: first}, 1, NOW))
    (row,) = [line for line in console.export_text().splitlines() if "train@a-0" in line]
    left = ["1:00:05"] if state == "running" else []
    assert row.replace("│", " ").split() == ["train@a-0", state, "3", "1/2", "1:00:05", *left]
