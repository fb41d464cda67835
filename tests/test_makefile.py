"""The Makefile: `make clean` removes outputs only."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.orchestration import graph

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


def test_clean_removes_all_outs_of_stages_and_keeps_other_data(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    outs = [tmp_path / out for stage in graph.read(ROOT).values() for out in stage.outs]
    own = [tmp_path / "data" / "photos" / "train" / "train.csv", tmp_path / "data" / "photos.dvc"]
    for path in (*outs, *own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True)
    assert not any(path.exists() for path in outs)
    assert all(path.exists() for path in own)
