"""atomic_dvc: DVC's command line, of which no kill leaves a part of dvc.lock."""

from pathlib import Path

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml, modify_yaml

from pipeline.orchestration import atomic_dvc
from tests.support.kills import seen_at_every_line

STAGES = {f"stage-{number}": {"cmd": "true"} for number in range(20)}
LOCK = {  # values of all kinds that DVC writes, and texts that look like other kinds
    "stages": {
        "crop@0": {
            "cmd": "python -m pipeline crop --of 'a  b' " + "--photos data/photos " * 9,
            "deps": [{"path": "data/é: #1", "hash": "md5", "md5": "1e3", "size": 0, "nfiles": 7}],
            "params": {"params.yaml": {"a": [7e-05, 1e22, -0.0, True, None, "yes", "0o17", "12:30", "~", "", "1_0"]}},
            "outs": [{"path": "data/crops", "md5": "12345678901234567890123456789012.dir", "isexec": True}],
        }
    }
}
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


def test_dvc_lock_is_changed_to_the_bytes_that_dvc_writes_and_other_files_keep_their_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(name: str) -> str:
        path = tmp_path / name
        dump_yaml(str(path), {"schema": "2.0"} | LOCK)
        path.write_text("# a comment\n" + path.read_text())
        with modify_yaml(str(path)) as content:
            content["stages"]["new"] = NEW["new"]
        return path.read_text()

    of_dvc = changed("dvc.lock")
    monkeypatch.setattr("dvc.utils.serialize._yaml.parse_yaml_for_update", atomic_dvc.parse_for_update)
    assert "# a comment\n" + changed("dvc.lock") == of_dvc
    assert changed("dvc.yaml") == of_dvc
