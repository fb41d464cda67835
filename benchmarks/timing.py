"""Timing of two ways to do the same work, in short alternating rounds, so that other load slows both equally."""

import ctypes
import gc
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from pipeline.foundation.process_settings import MMAP_MAX, TRIM_THRESHOLD, tune

MMAP_THRESHOLD = -3  # of malloc.h, as the two others

Work = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """A row of the table; times are medians of the rounds, in seconds."""

    work: str
    wanted: str
    ours: float
    reference: float | None = None
    ratios: tuple[float, ...] = ()  # of reference and ours, a round each
    cpu: float | None = None  # ratio of processor time
    note: str = ""

    @property
    def ratio(self) -> str:
        """Median ratio with its range: `12.1 (11.8-12.6)`."""
        if not self.ratios:
            return ""
        return f"{median(self.ratios):.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})"


def compare(work: str, wanted: str, reference: Work, ours: Work, rounds: int = 5, note: str = "") -> Result:
    """Time both ways alternately for `rounds` rounds after a warm-up; ours with the process settings of stages."""
    ways = (_after(untuned, reference), _after(tune, ours))
    for way in ways:
        way()
    pairs = [(timed(ways[0]), timed(ways[1])) for _ in range(rounds)]
    return Result(
        work,
        wanted,
        median(our[0] for _, our in pairs),
        median(other[0] for other, _ in pairs),
        tuple(other[0] / our[0] for other, our in pairs),
        median(other[1] / our[1] for other, our in pairs),
        note,
    )


def timed(work: Work) -> tuple[float, float]:
    """Wall and CPU seconds of one call, including child processes that it waited for."""
    wall, processor = time.perf_counter(), _processor()
    work()
    return time.perf_counter() - wall, _processor() - processor


def untuned() -> None:
    """Undo `tune`: restore Python's garbage collection, and glibc's limits as they are after large allocations."""
    gc.set_threshold(700, 10, 10)
    libc = ctypes.CDLL(None)
    for name, value in ((MMAP_MAX, 65536), (MMAP_THRESHOLD, 32 << 20), (TRIM_THRESHOLD, 64 << 20)):
        libc.mallopt(name, value)


def _after(settings: Work, work: Work) -> Work:
    def both() -> object:
        settings()
        return work()

    return both


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
