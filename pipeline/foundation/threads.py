"""Calls in threads for very many items, of which few are in memory at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

AHEAD = 256
"""Calls whose results have not been taken yet."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(threads: Executor, call: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results of a call for every item, in the order of the items, at most `AHEAD` calls ahead.

    `Executor.map` takes all items first, and keeps an object of a kilobyte or two for each.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(call, item))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
