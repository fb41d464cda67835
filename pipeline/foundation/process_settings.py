"""What makes a long-running process quicker and changes none of its results."""

import atexit
import ctypes
import gc

SWEEPS = (100_000, 20, 100)  # Python's own are 700, 10 and 10
MMAP_MAX, TRIM_THRESHOLD = -4, -1  # names of malloc.h
EVERYTHING = 2**31 - 1


def tune() -> None:
    """Have Python look for garbage a hundredth as often and not at its end, and glibc keep the memory it was given.

    Without the first, a fifth of an import of torch and MLflow goes into looking through what was just imported, and a
    process that has imported torch takes a second longer to end. Without the second, every large tensor is new memory,
    whose pages the system clears one by one when they are first written; a step of training on a CPU touches tens of
    thousands. Elsewhere than on glibc nothing is done about it.
    """
    gc.set_threshold(*SWEEPS)
    atexit.register(gc.freeze)  # the last function to be called: the interpreter then finds nothing to look through
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, EVERYTHING)
