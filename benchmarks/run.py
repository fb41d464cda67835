"""`make run` after the installation: a fresh clone, through all stages to the registry."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.timing import Result

TICK = 0.2  # seconds between two measurements of the memory


def measure(_: Path | None) -> list[Result]:
    with TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
        (clone / ".venv").symlink_to(Path(sys.prefix))
        started = time.monotonic()
        run = psutil.Popen(["make", "--silent", "--old-file=.venv/installed", "run"], cwd=clone, stdout=sys.stderr)
        most = 0.0
        while run.product() is None:
            most = max(most, _resident(run))
            time.sleep(TICK)
        if run.returncode:
            raise RuntimeError(f"make run: exit status {run.returncode}")
        note = f"all its processes together at most {most:.2f} GiB resident, looked at every {TICK} s"
        return [Result("`make run`", "under 120 s and 3 GB", time.monotonic() - started, note=note)]


def _resident(run: psutil.Process) -> float:
    """Resident memory of a process and its children in GiB; shared pages count once per process."""
    held = 0
    for process in [run, *run.children(recursive=True)]:
        try:
            held += process.memory_info().rss
        except psutil.NoSuchProcess:  # ended since
            continue
    return held / 2**30
