"""origin: a version tells what it was made from, wherever it is registered."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.registry import provenance


def test_a_version_tells_the_commit_of_an_image_that_has_no_git(
    trainable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_COMMIT", "abc")
    stages = {"relabel": {"cmd": "relabel", "deps": [{"path": "photos/train", "md5": "0" * 32}]}}
    YAML().dump({"schema": "2.0", "stages": stages}, trainable / "dvc.lock")
    files = trainable / "labels.csv", trainable / "folds.csv", trainable / "crops"
    found = provenance.tags(Path("photos"), *files, trainable / "dvc.lock")
    assert (found["git_commit"], found["data_photos"]) == ("abc", "0" * 32)
    assert found["data_labels"] != found["data_folds"]
