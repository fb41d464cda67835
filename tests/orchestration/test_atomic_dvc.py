"""atomic_dvc: DVC's command line, of which no kill leaves a part of dvc.lock."""

from pathlib import Path

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml, modify_yaml

from pipeline.orchestration import atomic_dvc
from tests.support.kills import seen_at_every_line

STAGES = {f"stage-{number}": {"cmd": "true"} for number in range(20)}
NEW = STAGES | {"new": {"cmd": "true"}}


@pytest.mark.parametrize("whole", [False, True])
def test_a_kill_leaves_a_part_only_where_dvc_writes_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    lock = tmp_path / "dvc.lock"

    def add() -> None:  # as Lockfile.dump in dvc/dvcfile.py
        with modify_yaml(str(lock)) as content:
            content["stages"]["new"] = NEW["new"]

    dump_yaml(str(lock), {"stages": NEW})
    after = lock.read_text()
    dump_yaml(str(lock), {"stages": STAGES})
    before = lock.read_text()
    if whole:
        monkeypatch.setattr("dvc.utils.serialize._common._dump_data", atomic_dvc.dump)
    left = set(seen_at_every_line(add, lock))
    assert (left <= {before, after}) == whole
    assert lock.read_text() == after
    assert load_yaml(lock) == {"stages": NEW}
    assert [path.name for path in tmp_path.iterdir()] == ["dvc.lock"]
