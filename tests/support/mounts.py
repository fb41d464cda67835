"""Mounted folders that are unmounted even when the process that asked for them is killed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# It outlives this process by the time that it takes to see that nobody holds the other end of its standard input.
KEEPER = """
folder=$1; shift
mount "$@" "$folder" && echo mounted || exit
read -r _
umount --lazy "$folder"
"""


@contextmanager
def mounted(folder: Path, *arguments: str | Path) -> Iterator[Path]:
    """`mount ARGUMENTS FOLDER`, the folder made if need be; skips the test where this process may not mount."""
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(
        ["sh", "-c", KEEPER, "keeper", str(folder), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # what kills this process and its group leaves the keeper
    ) as keeper:
        assert keeper.stdout
        if (said := keeper.stdout.readline()) != "mounted\n":
            pytest.skip(f"needs the right to mount: {said.strip()}")
        try:
            yield folder
        finally:
            left, _ = keeper.communicate("\n")
    assert keeper.returncode == 0, left
