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
    """An object with a state: a module, an optimizer or a gradient scaler."""

    def state_dict(self) -> dict[str, Any]:
        """The whole state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Load a state."""
        ...


@dataclass
class Progress:
    """The progress of a training after some epochs.

    Attributes:
        history: Metrics of every epoch.
        best: The kept epoch, from 0; -1 before the first.
        state: The weights of the kept epoch.
        validated: The same weights from before the last epochs, if these trained `state` on the held-out fold.
    """

    history: list[Metrics] = field(default_factory=list)
    best: int = -1
    state: dict[str, Tensor] = field(default_factory=dict)
    validated: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epochs_since_best(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - 1 - self.best

    def best_and_gaps(self, measured: Metrics) -> Metrics:
        """The best validation metrics up to this epoch, and the generalization gaps (training minus validation)."""
        scores = [*self.history, measured]
        return {
            "best_val_macro_f1": max(epoch["val_macro_f1"] for epoch in scores),
            "best_val_loss": min(epoch["val_loss"] for epoch in scores),
            "gap_macro_f1": measured["train_macro_f1"] - measured["val_macro_f1"],
            "gap_loss": measured["train_loss"] - measured["val_loss"],
        }

    def is_better(self, measured: Metrics, select: Select) -> bool:
        """Whether to keep an epoch: always for `last` or without validation, else when its metric is a new best."""
        key = f"val_{select}"
        if self.best < 0 or key not in measured:
            return True
        gain = measured[key] - self.history[self.best][key]
        return gain < 0 if select == "loss" else gain > 0

    def keep(self, epoch: int, state: dict[str, Tensor]) -> None:
        """Keep an epoch, and its weights, as the best one."""
        self.best, self.state = epoch, state


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the last finished epoch; only a training with the same fingerprint resumes from it.

    The file starts with a digest of its content, because PyTorch reads a damaged tensor without an error.
    """

    path: Path
    fingerprint: str

    @classmethod
    def of(cls, path: Path, data: FoldData, config: ModelConfig, epochs: int, code: Path) -> "Checkpoint":
        """The checkpoint of a training, bound to its data, its configuration and the code that `code` imports."""
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
        """Load all states of the last finished epoch.

        A file that is damaged or belongs to another training is not loaded; a message is printed.

        Returns:
            The progress of the training; an empty one when no checkpoint was loaded.
        """
        if not self.path.exists():
            return Progress()
        written = memoryview(self.path.read_bytes())
        digest, content = written[:DIGEST_SIZE], written[DIGEST_SIZE:]
        if digest != _digest(content):
            log(f"{self.path}: damaged, or of another version; the training starts from the beginning")
            return Progress()
        saved = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        if saved["fingerprint"] != self.fingerprint:
            log(f"{self.path}: belongs to other data, parameters or code; the training starts from the beginning")
            return Progress()
        for name, state in states.items():
            state.load_state_dict(saved["states"][name])
        return Progress(**saved["progress"])

    def remove(self) -> None:
        """Remove the file, if there is one: the training has finished."""
        self.path.unlink(missing_ok=True)


def _digest(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_SIZE).digest()
