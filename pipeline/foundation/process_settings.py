"""What makes a long-running process quicker and changes none of its results."""

import ctypes
import gc

SWEEPS = (100_000, 20, 100)  # Python's own are 700, 10 and 10
MMAP_MAX, TRIM_THRESHOLD = -4, -1  # names of malloc.h
EVERYTHING = 2**31 - 1


def tune() -> None:
    """Have Python look for garbage a hundredth as often, and glibc keep the memory that it has once been given.

    Without the first, a fifth of an import of torch and MLflow goes into looking through what was just imported.
    Without the second, every large tensor is new memory, whose pages the system clears one by one when they are first
    written; a step of training on a CPU touches tens of thousands. Elsewhere than on glibc nothing is done about it.
    """
    gc.set_threshold(*SWEEPS)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, EVERYTHING)
