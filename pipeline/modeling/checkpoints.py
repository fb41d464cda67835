"""A training that survives being killed: its state after the last finished epoch, bound to what it is trained on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pipeline.foundation.files import replacing
from pipeline.modeling.config import Select

Metrics = dict[str, float]

DIGEST_SIZE = 32  # bytes


class Stateful(Protocol):
    """What PyTorch calls so: a module, an optimizer, a gradient scaler."""

    def state_dict(self) -> dict[str, Any]:
        """All of its state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Go back to a state."""
        ...


@dataclass
class Progress:
    """A training after some epochs: its metrics, and the best weights so far with what they predict."""

    history: list[Metrics] = field(default_factory=list)
    best: int = -1
    state: dict[str, Tensor] = field(default_factory=dict)
    predictions: dict[str, Tensor] = field(default_factory=dict)

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - 1 - self.best

    def is_better(self, measured: Metrics, select: Select) -> bool:
        """Whether an epoch's validation is better than the best so far; the first always is."""
        if self.best < 0:
            return True
        key = f"val_{select}"
        gain = measured[key] - self.history[self.best][key]
        return gain < 0 if select == "loss" else gain > 0

    def keep(self, epoch: int, state: dict[str, Tensor], predictions: dict[str, Tensor]) -> None:
        """Make an epoch the best one."""
        self.best, self.state, self.predictions = epoch, state, predictions


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the last finished epoch; only a training with the same fingerprint continues from it.

    The file opens with the digest of what follows: PyTorch reads changed bytes of a tensor without a complaint.
    """

    path: Path
    fingerprint: str

    def save(self, states: Mapping[str, Stateful], progress: Progress) -> None:
        """Replace the checkpoint; a kill or a power loss at any moment leaves the old one or the new one."""
        buffer = BytesIO()
        content = {"fingerprint": self.fingerprint, "progress": vars(progress)}
        torch.save(content | {"states": {name: state.state_dict() for name, state in states.items()}}, buffer)
        with replacing(self.path) as partial, partial.open("wb") as file:
            file.write(_digest(buffer.getbuffer()))
            file.write(buffer.getbuffer())

    def restore(self, states: Mapping[str, Stateful]) -> Progress:
        """Bring all states to the last finished epoch; the start when there is no checkpoint of this training.

        Prints why a file that is there is not continued from: it is damaged, or of another training.
        """
        if not self.path.exists():
            return Progress()
        written = memoryview(self.path.read_bytes())
        digest, content = written[:DIGEST_SIZE], written[DIGEST_SIZE:]
        if digest != _digest(content):
            print(f"{self.path}: damaged, or no checkpoint of this version; the training starts anew")
            return Progress()
        saved = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        if saved["fingerprint"] != self.fingerprint:
            print(f"{self.path}: of other data, parameters or code; the training starts anew")
            return Progress()
        for name, state in states.items():
            state.load_state_dict(saved["states"][name])
        return Progress(**saved["progress"])


def _digest(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()
