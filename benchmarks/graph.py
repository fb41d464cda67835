"""Cost of reading the graph, and gain of parallel stages, in a project of stages that sleep."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from benchmarks.timing import Result, compare, cores
from pipeline.orchestration import runner

SLOTS, SECONDS = max(cores(), 2), 20
STAGE = """
  wait{number}:
    cmd: python -c "import time; time.sleep({seconds})" && echo {salt} > out{number}
    outs: [out{number}]
"""


def measure(_: Path | None) -> list[Result]:
    return [_overhead(), _side_by_side()]


def _overhead() -> Result:
    """`dvc repro` with nothing to do, against `dvc status`, on twelve finished stages."""
    folder = _project(12, 0, "done")
    _dvc(folder, "repro")
    return compare(
        "`dvc status` and `dvc repro` with nothing to do",
        "over .67 (repro takes at most 1.5 times status)",
        lambda: _dvc(folder, "status"),
        lambda: _dvc(folder, "repro"),
    )


def _side_by_side() -> Result:
    """As many equal stages as slots: in parallel, against in sequence."""
    folders = iter([_project(SLOTS, seconds, str(number)) for number, seconds in enumerate((0, 0, SECONDS, SECONDS))])

    def all_stages(slots: int) -> None:
        folder = next(folders)
        before = Path.cwd()
        os.chdir(folder)
        try:
            runner.run(slots)
        finally:
            os.chdir(before)

    what = f"{SLOTS} stages of {SECONDS} s on {SLOTS} slots"
    return compare(what, f"{0.9 * SLOTS:.1f}", lambda: all_stages(1), lambda: all_stages(SLOTS), rounds=1)


def _project(stages: int, seconds: int, salt: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    entries = "".join(STAGE.format(number=number, seconds=seconds, salt=salt) for number in range(stages))
    (folder / "dvc.yaml").write_text("stages:" + textwrap.dedent(entries).replace("\n", "\n  "))
    _dvc(folder, "init", "--no-scm")
    return folder


def _dvc(folder: Path, *command: str) -> None:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    subprocess.run(
        [sys.executable, "-m", "dvc", *command], cwd=folder, env=environment, check=True, capture_output=True
    )
