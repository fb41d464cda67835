"""Tags of a candidate: the hashes of its data, and the commit of the code."""

from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.registry.candidate import data_tags

LOCK = {"relabel": {"cmd": "relabel", "deps": [{"path": "photos/train", "md5": "0" * 32}]}}


def test_tags_name_the_commit_of_an_image_that_has_no_git(trainable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_COMMIT", "abc")
    files = trainable / "labels.parquet", trainable / "folds.parquet", trainable / "crops"
    tags = data_tags(LOCK, Path("photos"), *files)
    assert (tags["git_commit"], tags["data_photos"]) == ("abc", "0" * 32)
    assert tags["data_labels"] != tags["data_folds"]


def test_photos_that_dvc_lock_does_not_hold_are_an_error(trainable: Path) -> None:
    with pytest.raises(InputError, match=r"no hash of other/train"):
        data_tags(LOCK, Path("other"), trainable / "labels.parquet", trainable / "folds.parquet", trainable / "crops")
