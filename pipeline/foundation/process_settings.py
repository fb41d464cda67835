"""What makes a long-running process quicker and changes none of its results."""

import atexit
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Callable

SWEEPS = (100_000, 20, 100)  # Python's own are 700, 10 and 10
MMAP_MAX, TRIM_THRESHOLD = -4, -1  # names of malloc.h
EVERYTHING = 2**31 - 1
UNFLUSHED = 120  # Python's exit status when the last output could not be written


def tune() -> None:
    """Have Python look for garbage a hundredth as often, and glibc keep the memory that it was given.

    Without the first, a fifth of an import of torch and MLflow goes into looking through what was just imported.
    Without the second, every large tensor is new memory,
    whose pages the system clears one by one when they are first written; a step of training on a CPU touches tens of
    thousands. Elsewhere than on glibc nothing is done about it.
    """
    gc.set_threshold(*SWEEPS)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, EVERYTHING)


def run_and_leave(main: Callable[[], object]) -> None:
    """Call a program's main function and end the process, without taking down what it has imported.

    Taking down torch takes a second. All else that Python does at its end is done: threads are waited for, functions
    registered with `atexit` called, and the standard streams flushed. An error that `main` raises ends as usual. Files
    must have been closed.
    """
    try:
        main()
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    threading._shutdown()  # type: ignore[attr-defined]  # what Python itself calls first
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or UNFLUSHED
    finally:
        os._exit(status)
