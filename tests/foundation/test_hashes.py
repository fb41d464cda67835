"""digests: a file is known by its content."""

import hashlib
from pathlib import Path

import pytest

from pipeline.foundation.errors import InputError
from pipeline.foundation.hashes import sha256


def test_a_file_is_known_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("one", "another"):
        (tmp_path / name).write_bytes(b"content")
        assert sha256(tmp_path / name) == hashlib.sha256(b"content").hexdigest()


def test_a_file_that_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: no such file; run `dvc repro`"):
        sha256(tmp_path / "missing")
