"""Processes: which one of a training this is, and the environment of those that run the commands of dvc.yaml."""

import os
import sys
from pathlib import Path

from pipeline.foundation import telemetry

THREADS = "OMP_NUM_THREADS"  # of a process; on a CPU, trained weights depend on it


def is_first() -> bool:
    """Whether this is the process that tracks, writes and talks; a training has one a GPU, all started by the first."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def environment() -> dict[str, str]:
    """This process's environment, without telemetry; the `python` of dvc.yaml is this very Python, activated or not."""
    return (
        telemetry.OFF
        | os.environ
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    )
