"""fitted_ensemble: a wrong file is named; a test of the stage shows that it predicts what the stage does."""

from pathlib import Path

import pytest

from pipeline.ensembling import fitted_ensemble
from pipeline.foundation.errors import InputError


def test_a_file_that_is_missing_or_is_no_ensemble_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ensemble\.json: no such file; run `dvc repro`"):
        fitted_ensemble.read(tmp_path / "ensemble.json")
    for text in ("{}", "no JSON"):
        (tmp_path / "ensemble.json").write_text(text)
        with pytest.raises(InputError, match=r"ensemble\.json: not an ensemble of this version; run `dvc repro`"):
            fitted_ensemble.read(tmp_path / "ensemble.json")
