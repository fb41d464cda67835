"""tuning: memory that was given once is kept."""

import subprocess
import sys

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
