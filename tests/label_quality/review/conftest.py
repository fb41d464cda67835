"""A review to be done."""

from pathlib import Path

import pytest

from tests.support.suspects import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)
