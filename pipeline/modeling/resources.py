"""Out-of-memory errors, reported with the setting to change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pipeline.foundation.errors import ModelConfigError
from pipeline.modeling.config import ModelConfig


@contextmanager
def explained(config: ModelConfig) -> Iterator[None]:
    """Raise `ModelConfigError` with a batch size to try when memory runs out, also in a loader worker.

    Raises:
        ModelConfigError: When the GPU or the machine has too little memory, or a loader worker was killed.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise ModelConfigError(f"the GPU has too little memory{_smaller(config)}") from error
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # PyTorch's on a CPU
            raise ModelConfigError(f"the machine has too little memory{_smaller(config)}") from error
        if str(error).startswith("DataLoader worker"):
            raise ModelConfigError(
                f"a process that loads crops has died ({str(error).splitlines()[0]}); most often the machine, or its "
                f"/dev/shm in a container, has too little memory{_smaller(config)}"
            ) from error
        raise


def _smaller(config: ModelConfig) -> str:
    """The end of the message: half the batch size, or twice the gradient accumulation."""
    smaller = max(config.batch_size // 2, 1)
    if config.batch_size == smaller:
        return "; choose a smaller image_size or backbone"
    return f" for batch_size {config.batch_size}: try batch_size: {smaller}, or accumulate: {2 * config.accumulate}"
