"""Threads that do not fight over cores."""

from concurrent.futures import ThreadPoolExecutor

import torch


def pool() -> ThreadPoolExecutor:
    """As many threads as torch would use, each of which runs torch on itself alone."""
    return ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,))
