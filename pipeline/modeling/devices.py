"""Devices that torch can use on this machine, and reproducible results on them."""

import os
import shutil
from importlib.util import find_spec

import torch

from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling.config import ModelConfig

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
REPRODUCIBLE_CUBLAS = (":4096:8", ":16:8")  # https://docs.nvidia.com/cuda/cublas/#results-reproducibility


def count() -> int:
    """Number of devices that a training uses here: one for each process of `torchrun`, or all GPUs, or the CPU."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "0")) or torch.cuda.device_count() or 1


def nodes() -> int:
    """Number of nodes that train together: those of `torchrun`, or this one."""
    return int(os.environ.get("GROUP_WORLD_SIZE", "1"))


def require(count: int) -> None:
    """Raise `InputError` unless torch can use at least `count` GPUs."""
    found = torch.cuda.device_count()
    if found < count:
        build = f"torch {torch.__version__}, CUDA {torch.version.cuda or 'not in this build'}"
        raise InputError(
            f"torch can use {found} GPUs on this node, but the task asked for {count} ({build}); check the node's "
            "driver and device plugin, or request no GPU in kubeflow.stages of params.yaml"
        )


def configure(config: ModelConfig) -> None:
    """Set torch's number of CPU threads and its determinism in this process, as configured for a model.

    Sums are grouped by thread, so the last bits of weights trained on a CPU depend on `threads`. A GPU's kernels may
    add in a different order on every run unless `deterministic` is set.

    Raises:
        ModelConfigError: When `deterministic` is set on a GPU, but the environment lets cuBLAS choose its workspaces.
    """
    torch.set_num_threads(config.threads)
    if config.deterministic and torch.cuda.is_available() and os.environ.get(CUBLAS) not in REPRODUCIBLE_CUBLAS:
        raise ModelConfigError(
            f"deterministic: true needs {CUBLAS}={REPRODUCIBLE_CUBLAS[0]} in the environment on a GPU"
        )
    torch.use_deterministic_algorithms(config.deterministic)


def require_compilers(device: torch.device) -> None:
    """Raise `ModelConfigError` unless `torch.compile` finds its compilers: triton on a GPU, a C++ compiler anywhere."""
    lacking = ["triton"] if device.type == "cuda" and find_spec("triton") is None else []
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        lacking.append("a C++ compiler")
    if lacking:
        raise ModelConfigError(
            f"compile: true needs {' and '.join(lacking)}, which this machine lacks (the project's image has neither); "
            "install them, or set compile: false"
        )
