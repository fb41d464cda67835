"""Want of memory while training: one line with the batch size to try, and the next run continues."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling import resources
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.loader import Batches, Loader
from pipeline.stages.train import train
from tests.stages.test_train import inputs, quiet

Make = Callable[..., ModelConfig]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "the GPU has too little memory"),
        (MemoryError(), "the machine has too little memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"), "the machine"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. "), "a process that loads crops"),
    ],
)
def test_want_of_memory_is_one_line_with_the_batch_size_to_try(config: Make, error: Exception, reason: str) -> None:
    with pytest.raises(ModelConfigError) as raised, resources.explained(config(batch_size=16, accumulate=2)):
        raise error
    assert str(raised.value).startswith(reason)
    assert str(raised.value).endswith("for batch_size 16: try batch_size: 8, or accumulate: 4")
    assert len(str(raised.value).splitlines()) == 1


def test_other_errors_stay_what_they_are(config: Make) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"), resources.explained(config()):
        raise RuntimeError("size mismatch")


def test_memory_that_this_machine_does_not_have_is_noticed(config: Make) -> None:
    with pytest.raises(ModelConfigError, match="the machine has too little memory"), resources.explained(config()):
        torch.empty(2**50)


def test_a_loader_worker_that_dies_ends_in_one_line(config: Make) -> None:
    class Deadly:
        def __len__(self) -> int:
            return 64

        def __getitem__(self, row: int) -> Any:
            os.kill(os.getpid(), signal.SIGKILL)

    loader = Loader(Deadly(), config(), Batches(np.arange(64), 4), training=False, workers=1)
    with pytest.raises(ModelConfigError, match="a process that loads crops has died"), resources.explained(config()):
        list(loader)


def test_a_training_that_ran_out_of_memory_continues_from_its_last_epoch(
    config: Make, trainable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.modeling import loop

    undisturbed = loop.run_epoch

    def run_epoch(*arguments: Any) -> Any:
        if arguments[4][0] == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return undisturbed(*arguments)

    monkeypatch.setattr(loop, "run_epoch", run_epoch)
    with pytest.raises(ModelConfigError, match="try batch_size: 8"):
        train(inputs(trainable), "mask", 0, config(), trainable / "out", quiet)
    monkeypatch.setattr(loop, "run_epoch", undisturbed)
    trained_now: list[bool] = []

    def on_epoch(_: int, found: dict[str, float]) -> None:
        trained_now.append("images_per_second" in found)

    train(inputs(trainable), "mask", 0, config(), trainable / "out", on_epoch)
    assert trained_now == [False, True, True]
