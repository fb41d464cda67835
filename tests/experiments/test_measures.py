"""measures: a file that cannot be read is named; tests/experiments/test_runs.py checks the figures."""

from pathlib import Path

import pytest

from pipeline.experiments.measures import TrainingCost
from pipeline.foundation.errors import InputError
from pipeline.modeling.members import METRICS, WEIGHTS


@pytest.mark.parametrize("content", [b"", b"{", b'{"macro_f1": "high"}', b"\xff"])
@pytest.mark.parametrize(("figure", "name"), [("gap", METRICS), ("model", WEIGHTS), ("parameters", WEIGHTS)])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, figure: str, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        getattr(TrainingCost(tmp_path, 0), figure)
