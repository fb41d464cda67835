"""store: where runs go, told so that other folders understand it."""

import signal
import time
from pathlib import Path
from queue import LifoQueue
from threading import Condition

import pytest

from pipeline.tracking import store


@pytest.mark.parametrize("address", ["sqlite:///runs.db", None])
def test_a_database_is_told_by_its_whole_path(
    address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    if address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.full_address() == f"sqlite:///{tmp_path / ('runs.db' if address else 'mlflow.db')}"


@pytest.mark.parametrize("address", ["http://mlflow:5000", "sqlite:////data/mlflow.db"])
def test_an_address_that_is_whole_stays(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.full_address() == address


class Slow(Condition):
    """A condition of a queue at which the deadline passes when its lock has just been taken."""

    taken = 0

    def __enter__(self) -> bool:
        entered = super().__enter__()
        self.taken += 1
        signal.raise_signal(signal.SIGALRM)
        return entered


def test_a_deadline_leaves_no_lock_taken() -> None:
    connections: LifoQueue[int] = LifoQueue()  # as urllib3 keeps them
    connections.not_full, connections.not_empty = Slow(connections.mutex), Slow(connections.mutex)
    with store.deadline(60):
        connections.put(1)
        assert connections.get(block=False) == 1
    assert (connections.not_full.taken, connections.not_empty.taken) == (1, 1)
    assert connections.mutex.acquire(timeout=1), "every later request would wait for it"


def test_a_deadline_ends_a_wait_again_and_again() -> None:
    began = time.monotonic()

    def retry() -> None:  # as libraries do, which catch the error
        with pytest.raises(TimeoutError):
            time.sleep(600)
        time.sleep(600)

    with pytest.raises(TimeoutError), store.deadline(0.1):
        retry()
    assert time.monotonic() - began < 60
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
