"""What learns: a network with its optimizer and its averaged weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.modeling.checkpoints import Metrics, Stateful
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.network import Network
from pipeline.modeling.schedules import factor

FUSED = ("adam", "adamw", "sgd")  # torch takes a step of these in one pass over the weights instead of ten


@dataclass(frozen=True)
class Learner:
    """`network` has the weights, `model` is what trains them, and `average` follows them where the config has `ema`."""

    config: ModelConfig
    network: Network
    model: nn.Module
    optimizer: Optimizer
    average: ModelEmaV3 | None
    fabric: Fabric

    @classmethod
    def create(cls, config: ModelConfig, fabric: Fabric) -> "Learner":
        """A learner at its start, on the device."""
        network = Network(config, pretrained=config.pretrained)
        trained = torch.compile(network) if config.compile else network
        model, optimizer = fabric.setup(trained, _optimizer(config, network))
        average = None if config.ema is None else ModelEmaV3(network, decay=config.ema, use_warmup=True)
        return cls(config, network, model, optimizer, average, fabric)

    @property
    def judged(self) -> Network:
        """The network that is validated and kept: that of the averaged weights where there are some."""
        network: Network = self.network if self.average is None else self.average.module
        return network

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def set_rate(self, epoch: float, history: Sequence[Metrics]) -> None:
        """Set the learning rate of a fractional epoch."""
        losses = [measured.get("val_loss", measured["train_loss"]) for measured in history]
        rate = self.config.optimizer.learning_rate * factor(
            self.config.schedule, epoch, self.config.total_epochs, losses
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def step(self, number: int) -> None:
        """Take step `number`, counted from 1 over the whole training, along the gradients, and forget them."""
        if self.config.clip is not None:
            self.fabric.clip_gradients(
                self.model,
                self.optimizer,
                max_norm=self.config.clip,
                error_if_nonfinite=False,  # 16-mixed skips the step itself, otherwise the loss tells at the epoch's end
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update(self.network, step=number)

    def share_buffers(self) -> None:
        """Give all processes the first one's buffers: batch normalisation has statistics of each one's own share."""
        if self.fabric.world_size > 1:
            for buffer in self.judged.buffers():
                torch.distributed.broadcast(buffer, 0)

    def states(self) -> dict[str, Stateful]:
        """All that a checkpoint must hold."""
        found: dict[str, Stateful] = {
            "network": self.network,
            "optimizer": self.optimizer,
            "precision": self.fabric.strategy.precision,  # the scale of gradients in half precision
        }
        return found if self.average is None else found | {"average": self.average.module}

    def kept(self) -> dict[str, Tensor]:
        """A copy of the judged weights, off the device."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.judged.state_dict().items()}

    def go_back(self, state: dict[str, Tensor]) -> None:
        """Take up weights that were kept."""
        self.network.load_state_dict(state)
        if self.average is not None:
            self.average.set(self.network)


def _optimizer(config: ModelConfig, network: Network) -> Optimizer:
    settings = config.optimizer
    plain = settings.name == "sgd" and settings.momentum == 0  # timm's sgd is Nesterov's, which needs momentum
    scaled = config.precision == "16-mixed"  # whose gradients cannot be clipped when the fused step unscales them
    fused = {} if scaled or settings.name not in FUSED else {"fused": True}
    optimizer: Optimizer = create_optimizer_v2(
        network,
        opt="momentum" if plain else settings.name,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        **fused,
    )
    return optimizer
