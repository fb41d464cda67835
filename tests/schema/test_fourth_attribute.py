"""An attribute is one entry of the schema and a column of the labels; all the rest follows."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.workspace import copy

SCRIPT = Path(__file__).parents[1] / "support" / "four_attributes.py"
BEFORE = "SCHEMA = LabelSchema((MASK, GENDER, AGE))"
AFTER = 'SCHEMA = LabelSchema((MASK, GENDER, Attribute("glasses", ("none", "worn")), AGE))'


def test_labels_heads_metrics_votes_bootstrap_and_submissions_follow_an_entry_of_the_schema(tmp_path: Path) -> None:
    schema = copy(tmp_path) / "pipeline" / "schema" / "schema.py"
    text = schema.read_text()
    assert BEFORE in text
    schema.write_text(text.replace(BEFORE, AFTER))
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
