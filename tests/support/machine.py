"""All stages of the workspace in the current folder, in one process that takes its machine for another one.

    python tests/support/machine.py CORES ORDER

CORES is the number of cores that Python, OpenCV and torch see; ORDER, `rising` or `falling`, the order in which
folders list their files. Locale, time zone, hash seed and umask are those of the process, whose affinity changes from
stage to stage.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from typing import Any


def pretend(cores: int, falling: bool) -> None:
    """Have this process see that many cores, and folders in this order."""
    listdir, scandir = os.listdir, os.scandir
    os.cpu_count = lambda: cores
    os.sched_getaffinity = lambda _: set(range(cores))
    os.listdir = lambda *place: sorted(listdir(*place), reverse=falling)  # type: ignore[assignment]

    class Scan:
        """What `os.scandir` returns: an iterator that can be closed."""

        def __init__(self, *place: Any) -> None:
            with scandir(*place) as found:
                self.found = iter(sorted(found, key=lambda one: one.name, reverse=falling))

        def __iter__(self) -> Iterator[Any]:
            return self.found

        def __next__(self) -> Any:
            return next(self.found)

        def __enter__(self) -> "Scan":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

    os.scandir = Scan  # type: ignore[assignment]


def main(cores: int, order: str) -> None:
    """Run the stages, as dvc.yaml has them."""
    import torch

    from pipeline.cli.app import app
    from pipeline.orchestration import graph

    stages, whole = graph.read(), os.sched_getaffinity(0)
    pretend(cores, order == "falling")
    for number, stage in enumerate(stages.values()):
        os.sched_setaffinity(0, {min(whole)} if number % 2 else whole)
        torch.set_num_threads(cores)
        app(shlex.split(stage.command)[3:], standalone_mode=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
