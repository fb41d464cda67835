"""This machine: its GPUs, cores, memory and disk."""

import os
import shutil
import subprocess
from pathlib import Path

import psutil


def gpus() -> list[str]:
    """Numbers of the GPUs, as nvidia-smi lists them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run(
        [tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return listed.stdout.split() if listed.returncode == 0 else []


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def free_memory() -> int:
    """Bytes of memory that programs can have without swapping."""
    return int(psutil.virtual_memory().available)


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of a folder."""
    return shutil.disk_usage(folder).free
