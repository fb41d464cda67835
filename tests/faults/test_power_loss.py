"""A power loss keeps what was reported as written: text files, the entries of an outbox, checkpoints.

The files are on a disk whose unsynced writes are lost; `FAULT_KILLS=50 pytest -s tests/faults/test_power_loss.py` loses
its power so often.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
import torch

from pipeline.foundation import files
from pipeline.modeling.checkpoints import Checkpoint, Progress
from pipeline.tracking.entries import Metrics, Start
from pipeline.tracking.outbox import Outbox
from tests.support.power_loss import Disk, disk

LOSSES = max(int(os.environ.get("FAULT_KILLS", "3")), 3)
NETWORK = torch.nn.Linear(2, 2)


def text(number: int) -> str:
    return f"{number}\n" * 1000


def write(folder: Path, number: int) -> None:
    """What a run writes in an epoch."""
    outbox = Outbox(folder / "outbox")
    if number == 0:
        outbox.folder.mkdir()
        outbox.append(Start(name="a", address="", experiment="faces", tags={}, commit={}, pipeline=None))
    outbox.append(Metrics(values={"f1": 1.0}, step=number))
    files.write_text(folder / "params.yaml", text(number))
    Checkpoint(folder / "a.pt", "a").save({"network": NETWORK}, Progress([{"val_loss": 0.5}] * (number + 1)))


def found(folder: Path) -> tuple[int, int, int]:
    """The numbers of the last entry, of the text and of the checkpoint, each of them whole."""
    entries = Outbox(folder / "outbox").entries()
    content = (folder / "params.yaml").read_text()
    number = int(content.partition("\n")[0])
    assert content == text(number)
    checkpoint = Checkpoint(folder / "a.pt", "a").restore({"network": NETWORK})
    return len(entries) - 2, number, len(checkpoint.history) - 1


def write_unsynced(folder: Path, number: int) -> None:
    """As programs usually do: beside the file, and renamed."""
    partial = folder / "partial"
    partial.write_text(text(number))
    partial.replace(folder / "params.yaml")


def write_folder(folder: Path, number: int) -> None:
    """Many files as the sample's photos are written."""
    for name in ("a", "b", "c"):
        files.write_bytes(folder / f"{number}" / name, text(number).encode(), synced=False)
    files.sync(folder)


@contextmanager
def writing(write: Callable[[Path, int], None], folder: Path) -> Iterator[Callable[[int], int]]:
    """A process that writes without end; the function stops it after so many times and returns the last number."""
    reading, reporting = os.pipe()
    child = os.fork()
    if not child:
        number = 0
        while True:  # until it is killed
            write(folder, number)
            os.write(reporting, b".")
            number += 1
    written = 0

    def stopped_after(times: int) -> int:
        nonlocal written
        os.kill(child, signal.SIGCONT)
        for _ in range(times):
            written += len(os.read(reading, 1))
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        os.set_blocking(reading, False)
        with suppress(BlockingIOError):
            written += len(os.read(reading, 1 << 16))
        os.set_blocking(reading, True)
        return written - 1

    try:
        yield stopped_after
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(reporting)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path) as made:
        yield made


def test_what_was_reported_as_written_is_whole_after_a_power_loss(small: Disk) -> None:
    draw = Random("power")
    with writing(write, small.folder) as stopped_after:
        for _ in range(LOSSES):
            last = stopped_after(draw.randint(1, 5))
            with small.after_a_power_loss() as folder:
                assert all(last <= number <= last + 1 for number in found(folder))
    print(f"\n{LOSSES} power losses, {last + 1} epochs written: all that was reported is there and whole")


def test_a_folder_is_whole_after_a_power_loss_once_it_is_synced(small: Disk) -> None:
    with writing(write_folder, small.folder) as stopped_after:
        last = stopped_after(3)
        with small.after_a_power_loss() as folder:
            for number in range(last + 1):
                assert [(folder / f"{number}" / name).read_text() for name in ("a", "b", "c")] == [text(number)] * 3


def test_the_disk_loses_what_is_not_synced(small: Disk) -> None:
    with writing(write_unsynced, small.folder) as stopped_after:
        stopped_after(20)
        with small.after_a_power_loss() as folder:
            assert [path.name for path in folder.iterdir()] == ["lost+found"]
