"""process_settings: memory that was given once is kept, and an end without taking down what was imported."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.foundation import process_settings

BLOCKS = """
import resource
import numpy as np
from pipeline.foundation import process_settings
if {tuned}:
    process_settings.tune()
def fill():
    np.ones(10_000_000)
for _ in range(3):
    fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(tuned: bool) -> int:
    """Pages of new memory that five arrays of 80 MB are made of, after three others."""
    command = [sys.executable, "-c", BLOCKS.format(tuned=tuned)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_tuned_process_writes_large_arrays_to_memory_that_it_has_already() -> None:
    assert 10 * faults(tuned=True) < faults(tuned=False)


ENDS = """
import atexit, sys, threading, time
from pipeline.foundation import process_settings
def late():
    time.sleep(0.3)
    print("from a thread")
def main():
    atexit.register(print, "registered")
    threading.Thread(target=late).start()
    print("from main")
    {end}
process_settings.run_and_leave(main)
print("never")
"""
SAID = "from main\nfrom a thread\nregistered\n"


def ended(end: str, **streams: Any) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", ENDS.format(end=end)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(command, env=buffered, text=True, check=False, **{"stdout": -1, "stderr": -1} | streams)


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('it is broken')", 1, "it is broken\n"),
    ],
)
def test_a_process_that_leaves_ends_as_python_ends_it(end: str, status: int, error: str) -> None:
    done = ended(end)
    assert (done.returncode, done.stdout, done.stderr) == (status, SAID, error)


def test_an_error_ends_with_its_traceback() -> None:
    done = ended("1 / 0")
    assert done.returncode == 1
    assert done.stdout == SAID
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_output_that_could_not_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        assert ended("pass", stdout=full).returncode == process_settings.UNFLUSHED
        assert ended("sys.exit(3)", stdout=full).returncode == 3
