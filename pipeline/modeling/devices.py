"""The devices that torch can use on this machine, and what makes its results reproducible on them."""

import os

import torch

from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling.config import ModelConfig

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
REPRODUCIBLE_CUBLAS = (":4096:8", ":16:8")  # https://docs.nvidia.com/cuda/cublas/#results-reproducibility


def count() -> int:
    """Number of devices that a training uses: all GPUs, or the CPU."""
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


def configure(config: ModelConfig) -> None:
    """Set the number of CPU threads and the determinism of this process's torch as a model's configuration says.

    Sums are grouped by thread, so that weights trained on a CPU depend on `threads` in their last bits. A GPU's
    kernels may add in another order on every run unless `deterministic` is set.

    Raises:
        ModelConfigError: `deterministic` is set on a GPU, and the environment lets cuBLAS choose its workspaces.
    """
    torch.set_num_threads(config.threads)
    if config.deterministic and torch.cuda.is_available() and os.environ.get(CUBLAS) not in REPRODUCIBLE_CUBLAS:
        raise ModelConfigError(
            f"deterministic: true needs {CUBLAS}={REPRODUCIBLE_CUBLAS[0]} in the environment on a GPU"
        )
    torch.use_deterministic_algorithms(config.deterministic)
