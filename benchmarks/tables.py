"""Reading a table of a million photos: time and peak memory, against the csv module's lists of Python strings."""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import Result
from pipeline.formats import csv_file, tables
from pipeline.schema.schema import SCHEMA

ROWS = int(os.environ.get("BENCHMARK_ROWS", "1000000"))
WANTED = "a fifth of the memory, no slower"


def measure(_: Path | None) -> list[Result]:
    path = Path(tempfile.mkdtemp(prefix="benchmark-"), "probabilities.csv")
    _write(path)
    size = path.stat().st_size / 2**20
    (other, other_memory), (ours, memory) = (_alone(way, path) for way in ("lists", "ours"))
    note = f"peak memory {memory:.0f} MB, by lists {other_memory:.0f} MB ({other_memory / memory:.1f} times); "
    note += f"the file has {size:.0f} MB"
    return [
        Result(f"read a table, {ROWS:,} rows x {1 + SCHEMA.classes}", WANTED, ours, other, (other / ours,), note=note)
    ]


def _write(path: Path) -> None:
    """A table of class probabilities."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, ROWS, 100_000):
            rows = range(start, min(start + 100_000, ROWS))
            table = pd.DataFrame(rng.dirichlet(np.ones(SCHEMA.classes), len(rows)).astype(np.float32))
            table.insert(0, "path", [f"{row:012x}.jpg" for row in rows])
            table.to_csv(file, index=False, header=start == 0, float_format=csv_file.FLOAT_FORMAT)


def _alone(way: str, path: Path) -> tuple[float, float]:
    """Processor seconds, and peak memory in MB beyond the imports, of reading the table in a process of its own."""
    code = f"from benchmarks import tables; from pathlib import Path; tables.report(tables.{way}, Path({str(path)!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, memory = map(float, ended.stdout.split())
    return seconds, memory


def report(read: Callable[[Path], pd.DataFrame], path: Path) -> None:
    """Print processor seconds and the growth of the peak memory in MB."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    read(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(time.process_time() - started, grown / 1024)


def lists(path: Path) -> pd.DataFrame:
    """The usual way, and that of earlier versions: all cells as Python strings, then columns of numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    table = pd.DataFrame(rows[1:], columns=rows[0], dtype=str)
    for column in table.columns[1:]:
        table[column] = pd.to_numeric(table[column])
    return table


def ours(path: Path) -> pd.DataFrame:
    """As the pipeline reads it."""
    return tables.read(path, {"path": "text"}, others="number")
