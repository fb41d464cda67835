"""shift: the simulation of label shifts runs on the tables that the stages write."""

from pathlib import Path

import pytest

from benchmarks import shift
from pipeline.ensembling import label_shift
from tests.support.run import Run


def test_every_mix_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shift, "REPEATS", 1)
    monkeypatch.setattr(label_shift, "RESAMPLES", 3)
    Run(tmp_path)
    shift.main(
        tmp_path / "labels.parquet", tmp_path / "folds.parquet", tmp_path / "results/ensemble/out_of_fold.parquet"
    )
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[2:]] == list(shift.MIXES)
    assert {"age_bbse", "age_em", "f1_plain", "f1_chosen"} <= set(rows[0].split())
