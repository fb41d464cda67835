"""A training that survives being killed: its state after the last finished epoch, bound to what it is trained on."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Metrics = dict[str, float]


@dataclass
class Progress:
    """A training after some epochs: its metrics, and the best weights so far with what they predict."""

    history: list[Metrics] = field(default_factory=list)
    best: int = -1
    state: dict[str, Tensor] = field(default_factory=dict)
    predictions: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the last finished epoch; only a training with the same fingerprint continues from it."""

    path: Path
    fingerprint: str

    def save(self, network: nn.Module, optimizer: Optimizer, progress: Progress) -> None:
        """Replace the checkpoint; a kill at any moment leaves the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "fingerprint": self.fingerprint,
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        partial = self.path.with_suffix(".partial")
        torch.save(content | {"progress": vars(progress)}, partial)
        partial.replace(self.path)

    def restore(self, network: nn.Module, optimizer: Optimizer) -> Progress:
        """Bring network and optimizer to the last finished epoch; the start when there is none to continue."""
        if not self.path.exists():
            return Progress()
        content = torch.load(self.path, map_location="cpu", weights_only=True)
        if content["fingerprint"] != self.fingerprint:
            print(f"{self.path}: of other data or parameters; the training starts anew")
            return Progress()
        network.load_state_dict(content["network"])
        optimizer.load_state_dict(content["optimizer"])
        return Progress(**content["progress"])

    def remove(self) -> None:
        """Forget a finished training."""
        self.path.unlink(missing_ok=True)
