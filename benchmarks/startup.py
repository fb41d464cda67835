"""Time from the start of a stage's process to its end after its imports: started anew, and forked as `run` does it."""

import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import Result, compare
from pipeline.foundation.forkserver import Forkserver
from pipeline.foundation.processes import LIBRARIES, environment

STARTS = {
    "split": ("pipeline.stages.split", "under 1.5 s"),
    "crop": ("pipeline.stages.crop", "under 2 s"),
    "train": ("pipeline.stages.train, pipeline.tracking", "under 2.5 s"),
}
READY = f"import sys; sys.exit(not {set(LIBRARIES)!r} <= sys.modules.keys())"
STAGE = """
from pipeline.foundation import process_settings

def main():
    process_settings.tune()
    import {modules}

process_settings.run_and_leave(main)
"""


def measure(_: Path | None) -> list[Result]:
    with TemporaryDirectory() as name, Forkserver(environment(), LIBRARIES) as server:
        folder = Path(name)
        while _forked(server, folder, READY):  # has not imported everything yet
            time.sleep(0.5)
        return [_start(server, folder, stage, *start) for stage, start in STARTS.items()]


def _start(server: Forkserver, folder: Path, stage: str, modules: str, wanted: str) -> Result:
    code = STAGE.format(modules=modules)

    def forked() -> None:
        if status := _forked(server, folder, code):
            raise RuntimeError(f"{stage}: exit status {status}: {(folder / 'log').read_text()}")

    anew = partial(subprocess.run, [sys.executable, "-c", code], check=True)
    found = compare(f"start-up of {stage}", wanted, anew, forked)
    return replace(found, cpu=None, note="a new process, and one forked as `run` does it")


def _forked(server: Forkserver, folder: Path, code: str) -> int:
    """Run code in a forked process, from the project's folder; returns its exit status."""
    program = folder / "program.py"
    program.write_text(code)
    variables = environment() | {"PYTHONPATH": str(Path.cwd())}
    return server.start([sys.executable, str(program)], Path.cwd(), variables, folder / "log").wait()
