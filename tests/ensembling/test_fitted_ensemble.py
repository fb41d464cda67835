"""formula: a file that holds none is named; that it answers as the ensemble does is a test of the stage."""

from pathlib import Path

import pytest

from pipeline.ensembling import fitted_ensemble
from pipeline.foundation.errors import InputError


def test_a_file_that_is_missing_or_holds_no_formula_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ensemble\.json: no such file; run `dvc repro`"):
        fitted_ensemble.read(tmp_path / "ensemble.json")
    for text in ("{}", "no JSON"):
        (tmp_path / "ensemble.json").write_text(text)
        with pytest.raises(InputError, match=r"ensemble\.json: not a formula of this version; run `dvc repro`"):
            fitted_ensemble.read(tmp_path / "ensemble.json")
