"""records: a task's record is read back as it was written; any other file is refused by its name."""

from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.orchestration.kubeflow import records
from pipeline.orchestration.workspace import scratch
from tests.support.shell import Project

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value")  # DVC 3.67 on how it uses pygtrie


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "not JSON"),
        (b"[]", "not the record of a task"),
        (b'{"stage": "a"}', "pod: Field required"),
        (b'{"stage": "a", "pod": "b", "started": "soon"}', "started: .*valid number"),
        (b'{"stage": "a", "pod": "b", "started": 1, "state": "late"}', "state: "),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_file_that_is_no_record_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    project, storage = Project(tmp_path / "project"), tmp_path / "storage"
    storage.mkdir()
    with scratch(str(storage), project=project.root) as root:
        with records.recorded(root, "run-1", "draw"):
            pass
        (record,) = records.read(root, "run-1").values()
        assert (record.stage, record.state) == ("draw", "succeeded")
        damaged = storage / "tasks" / "run-1" / "fit@a.json"
        damaged.write_bytes(content)
        with pytest.raises(InputError, match=f"{damaged}: .*{fault}"):
            records.read(root, "run-1")
