"""Calls in threads: the results of `map`, of items that are taken as they are needed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import pytest

from pipeline.foundation.threads import AHEAD, mapped

MANY = 5 * AHEAD


def test_results_are_in_the_order_of_the_items() -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(mapped(threads, str, range(MANY))) == list(map(str, range(MANY)))
        assert list(mapped(threads, str, [])) == []


def test_few_items_are_taken_before_their_turn() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in count(1):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as threads:
        for result in islice(mapped(threads, int, items()), MANY):
            assert len(taken) < result + AHEAD


def test_a_failed_call_is_raised_in_its_turn_and_later_ones_do_not_start() -> None:
    started: list[int] = []

    def call(number: int) -> int:
        started.append(number)
        return 100 // (10 - number)

    with ThreadPoolExecutor(1) as threads:
        results = mapped(threads, call, range(MANY))
        assert list(islice(results, 10)) == [100 // (10 - number) for number in range(10)]
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert len(started) <= 10 + AHEAD
