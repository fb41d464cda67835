import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pipeline.foundation.errors import InputError, ModelConfigError
from pipeline.modeling import devices
from pipeline.modeling.config import ModelConfig

Make = Callable[..., ModelConfig]

STEPS = """
import hashlib, sys
import torch
from lightning_fabric import Fabric
from pipeline.modeling import devices
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.learner import Learner

settings = {"backbone": "test_resnet", "pretrained": False, "heads": {"mask": {}}, "image_size": 64, "epochs": 1}
settings |= {"optimizer": {"learning_rate": 1e-2}, "threads": int(sys.argv[1]), "deterministic": sys.argv[2] != "cpu"}
config = ModelConfig.model_validate(settings)
devices.configure(config)
torch.manual_seed(0)
learner = Learner.create(config, Fabric(accelerator=sys.argv[2], devices=1))
for number in range(1, 4):
    images = torch.randint(256, (16, 64, 64, 3), dtype=torch.uint8).to(learner.fabric.device)
    learner.fabric.backward(learner.model(images)["mask"].square().mean())
    learner.step(number)
weights = b"".join(tensor.numpy().tobytes() for tensor in learner.snapshot().values())
print(torch.get_num_threads(), hashlib.sha256(weights).hexdigest())
"""


@pytest.fixture(autouse=True)
def _torch_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


def trained(threads: int, environment: dict[str, str], accelerator: str = "cpu") -> str:
    """Threads and digest of the weights after some steps in a process of its own, on a GPU with `deterministic`."""
    command = [sys.executable, "-W", "error::UserWarning", "-c", STEPS, str(threads), accelerator]
    return subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True).stdout


def test_weights_do_not_depend_on_the_threads_of_the_machine() -> None:
    results = {trained(1, {"OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number}) for number in ("1", "7")}
    assert len(results) == 1
    assert results.pop().startswith("1 ")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_deterministic_trainings_on_a_gpu_end_with_the_same_weights() -> None:
    results = {trained(1, {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, "cuda") for _ in range(3)}
    assert len(results) == 1


def test_what_torch_compiles_with_is_missed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in the project's image, which has neither triton nor a C++ compiler."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with pytest.raises(ModelConfigError, match=r"compile: true needs a C\+\+ compiler, which"):
        devices.require_compilers(torch.device("cpu"))
    with pytest.raises(ModelConfigError, match=r"compile: true needs triton and a C\+\+ compiler, which"):
        devices.require_compilers(torch.device("cuda"))
    (tmp_path / "g++").touch(0o755)
    devices.require_compilers(torch.device("cpu"))


def test_deterministic_algorithms_are_switched_on_and_off(config: Make) -> None:
    for deterministic in (True, False):
        devices.configure(config(deterministic=deterministic))
        assert torch.are_deterministic_algorithms_enabled() == deterministic


def test_determinism_on_a_gpu_needs_fixed_workspaces(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(InputError, match="deterministic: true needs CUBLAS_WORKSPACE_CONFIG=:4096:8"):
        devices.configure(config(deterministic=True))
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    devices.configure(config(deterministic=True))
    assert torch.are_deterministic_algorithms_enabled()
