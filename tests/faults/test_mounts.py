import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.full_disk import small_disk

HOLD = """
import sys, time
from pathlib import Path
from tests.support.full_disk import small_disk

with small_disk(Path(sys.argv[1]), 64):
    print("mounted", flush=True)
    time.sleep(600)
"""


def test_a_killed_test_leaves_no_mount(tmp_path: Path) -> None:
    with small_disk(tmp_path / "mine", 64) as folder:
        assert folder.is_mount()
    assert not folder.is_mount()

    folder = tmp_path / "theirs"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "mounted\n"
        assert folder.is_mount()
        holder.kill()
    patience = time.monotonic() + 30
    while folder.is_mount() and time.monotonic() < patience:
        time.sleep(0.02)
    assert not folder.is_mount()


def test_a_mount_that_is_refused_skips_its_test_and_says_why(tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", -1)
    with (
        pytest.raises(pytest.skip.Exception, match=r"needs the right to mount: .*mount"),
        disk,
    ):
        raise AssertionError("a disk of less than nothing was mounted")
