"""Checkpoints: the state of a training after its last finished epoch, bound to its data, settings and code."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pipeline.foundation.code import fingerprint
from pipeline.foundation.files import replacing
from pipeline.foundation.terminal import log
from pipeline.modeling.config import ModelConfig, Select
from pipeline.modeling.fold_data import FoldData

Metrics = dict[str, float]

DIGEST_SIZE = 32  # bytes


class Stateful(Protocol):
    """A module, an optimizer, a gradient scaler."""

    def state_dict(self) -> dict[str, Any]:
        """The whole state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Load a state."""
        ...


@dataclass
class Progress:
    """A training after some epochs: metrics of each, and the kept epoch with its weights.

    `validated` are the kept epoch's weights, where `state` has trained on the held-out fold since.
    """

    history: list[Metrics] = field(default_factory=list)
    best: int = -1
    state: dict[str, Tensor] = field(default_factory=dict)
    validated: dict[str, Tensor] = field(default_factory=dict)

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - 1 - self.best

    def compared(self, measured: Metrics) -> Metrics:
        """Best validation scores up to this epoch, and the generalization gaps: training minus validation."""
        scores = [*self.history, measured]
        return {
            "best_val_macro_f1": max(epoch["val_macro_f1"] for epoch in scores),
            "best_val_loss": min(epoch["val_loss"] for epoch in scores),
            "gap_macro_f1": measured["train_macro_f1"] - measured["val_macro_f1"],
            "gap_loss": measured["train_loss"] - measured["val_loss"],
        }

    def is_better(self, measured: Metrics, select: Select) -> bool:
        """Whether to keep an epoch: always for `last` or without validation, else when its score is a new best."""
        key = f"val_{select}"
        if self.best < 0 or key not in measured:
            return True
        gain = measured[key] - self.history[self.best][key]
        return gain < 0 if select == "loss" else gain > 0

    def keep(self, epoch: int, state: dict[str, Tensor]) -> None:
        """Make an epoch the best one."""
        self.best, self.state = epoch, state


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the last finished epoch; only a training with the same fingerprint resumes from it.

    The file starts with the digest of its content: PyTorch reads a damaged tensor without an error.
    """

    path: Path
    fingerprint: str

    @classmethod
    def of(cls, path: Path, data: FoldData, config: ModelConfig, epochs: int, code: Path) -> "Checkpoint":
        """The checkpoint of a training: of its data, its configuration and the code that the file `code` runs."""
        parts = (data.digest(), config.model_dump_json(), str(epochs), fingerprint(code))
        return cls(path, hashlib.blake2b("\n".join(parts).encode()).hexdigest())

    def save(self, states: Mapping[str, Stateful], progress: Progress) -> None:
        """Replace the checkpoint; a kill or a power loss leaves either the old or the new one."""
        buffer = BytesIO()
        content = {"fingerprint": self.fingerprint, "progress": vars(progress)}
        torch.save(content | {"states": {name: state.state_dict() for name, state in states.items()}}, buffer)
        with replacing(self.path) as partial, partial.open("wb") as file:
            file.write(_digest(buffer.getbuffer()))
            file.write(buffer.getbuffer())

    def restore(self, states: Mapping[str, Stateful]) -> Progress:
        """Load all states of the last finished epoch; an empty progress when there is no checkpoint to resume from.

        Prints why it does not resume from an existing file: it is damaged, or of another training.
        """
        if not self.path.exists():
            return Progress()
        written = memoryview(self.path.read_bytes())
        digest, content = written[:DIGEST_SIZE], written[DIGEST_SIZE:]
        if digest != _digest(content):
            log(f"{self.path}: damaged, or no checkpoint of this version; the training starts from the beginning")
            return Progress()
        saved = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        if saved["fingerprint"] != self.fingerprint:
            log(f"{self.path}: of other data, parameters or code; the training starts from the beginning")
            return Progress()
        for name, state in states.items():
            state.load_state_dict(saved["states"][name])
        return Progress(**saved["progress"])

    def remove(self) -> None:
        """Remove the file, if there is one: the training has finished."""
        self.path.unlink(missing_ok=True)


def _digest(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()
