"""The accelerators that torch can use on this machine."""

import torch

from pipeline.foundation.errors import InputError


def count() -> int:
    """How many devices a training is spread over: all GPUs, or the one CPU."""
    return torch.cuda.device_count() or 1


def require(count: int) -> None:
    """Raise `InputError` unless torch can use so many GPUs."""
    found = torch.cuda.device_count()
    if found < count:
        build = f"torch {torch.__version__}, CUDA {torch.version.cuda or 'not in this build'}"
        raise InputError(
            f"this node has {found} GPUs that torch can use, the task asked for {count} ({build}); look at the node's "
            "driver and device plugin, or set kubeflow.stages in params.yaml to ask for none"
        )
