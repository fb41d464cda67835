"""A network in training, with its optimizers and the exponential moving average (EMA) of its weights."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor
from typing import Any

import torch
from lightning_fabric import Fabric
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, update_bn

from pipeline.foundation.errors import ModelConfigError
from pipeline.foundation.terminal import warn
from pipeline.modeling.checkpoints import Metrics, Stateful
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.config.optimization import Optimizer as OptimizerConfig
from pipeline.modeling.devices import require_compilers
from pipeline.modeling.network import Network
from pipeline.modeling.parameter_groups import by_layer, has_factors
from pipeline.modeling.schedules import factor

FUSED = ("adam", "adamw", "sgd")  # one pass over the weights per step instead of ten


@dataclass
class Learner:
    """A network in training.

    Attributes:
        config: The model's configuration.
        network: The network.
        model: The network as it is trained: compiled if configured, and wrapped for all processes.
        optimizers: The optimizers, which train one after the other.
        average: The EMA of the weights, if `ema` is set.
        epoch_average: The mean of the weights after the last epochs, if `average_epochs` is set.
        fabric: The launched processes.
        active: Position of the current optimizer.
        averaged: Whether `epoch_average` has all its epochs, and is the result.
    """

    config: ModelConfig
    network: Network
    model: nn.Module
    optimizers: Sequence[Optimizer]
    average: ModelEmaV3 | None
    epoch_average: AveragedModel | None
    fabric: Fabric
    active: int = 0
    averaged: bool = False

    @classmethod
    def create(cls, config: ModelConfig, fabric: Fabric) -> "Learner":
        """Create the network, its optimizers and its average on the device of `fabric`.

        Raises:
            ModelConfigError: When `compile` is set, but the machine lacks what torch compiles with.
        """
        if config.compile:
            require_compilers(fabric.device)
        network = Network(config, pretrained=config.pretrained)
        optimizers = [_optimizer(settings, config.precision, network) for settings in config.optimizer.sequence]
        model, *optimizers = fabric.setup(torch.compile(network) if config.compile else network, *optimizers)
        average = None if config.ema is None else ModelEmaV3(network, decay=config.ema, use_warmup=True)
        epoch_average = AveragedModel(network) if config.average_epochs > 1 else None
        return cls(config, network, model, optimizers, average, epoch_average, fabric)

    @property
    def optimizer(self) -> Optimizer:
        """The current optimizer."""
        return self.optimizers[self.active]

    @property
    def eval_network(self) -> Network:
        """The network that is validated and saved: an average of the weights if there is one."""
        network: Any = self.network
        if self.average is not None:
            network = self.average.module
        elif self.epoch_average is not None and self.averaged:
            network = self.epoch_average.module
        averaged: Network = network
        return averaged

    def average_epoch(self, left: int, batches: Iterable[Any]) -> None:
        """Add the weights after an epoch to their average if it is one of the last: `left` epochs follow it.

        Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018,
        https://arxiv.org/abs/1803.05407, algorithm 1. Batch normalisation gets the statistics of the averaged network
        from one more pass over the training batches.
        """
        if self.epoch_average is None or left >= self.config.average_epochs:
            return
        self.epoch_average.update_parameters(self.network)
        if left == 0:
            with torch.no_grad(), self.fabric.autocast():
                update_bn(batches, self.epoch_average.module, self.fabric.device)
            self.averaged = True
            self.share_buffers()

    def climb(self) -> Callable[[], None]:
        """Move the weights up the gradient, `sam` far, and reset it; returns a function that moves them back.

        Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, 2021,
        https://arxiv.org/abs/2010.01412, equation 2: the gradient there is the one of the step. Batch statistics are
        those of the first pass. Gradients that are not finite move nothing.
        """
        moved = [weight for weight in self.network.parameters() if weight.grad is not None]
        start = [weight.detach().clone() for weight in moved]
        buffers = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
        gradients = [weight.grad for weight in moved if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if norm.isfinite() and norm > 0:
            with torch.no_grad():
                for weight, gradient in zip(moved, gradients, strict=True):
                    weight.add_(gradient, alpha=float(self.config.sam or 0) / float(norm))
        self.optimizer.zero_grad()

        @torch.no_grad()
        def back() -> None:
            for weight, before in zip(moved, start, strict=True):
                weight.copy_(before)
            for name, buffer in self.network.named_buffers():
                buffer.copy_(buffers[name])

        return back

    @property
    def learning_rate(self) -> float:
        """The peak learning rate of the last step, that of a layer without a factor."""
        first = self.optimizer.param_groups[0]
        return float(first["lr"] / first.get("lr_scale", 1))

    def set_learning_rate(self, epoch: float, history: Sequence[Metrics]) -> None:
        """Activate the optimizer of a fractional epoch and set its learning rate.

        The plateau schedule follows the validation loss if the held-out fold also selects the epoch, else the training
        loss.
        """
        part = "train" if self.config.select == "last" else "val"
        losses = [measured.get(f"{part}_loss", measured["train_loss"]) for measured in history]
        peak = self.config.optimizer.at(epoch).learning_rate
        rate = peak * factor(self.config.schedule, epoch, self.config.total_epochs, losses)
        self.active = self.config.optimizer.position(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1)

    def set_training(self, epoch: int) -> None:
        """Set the training mode of an epoch: in the first `frozen_epochs` the backbone does not learn."""
        self.model.train()
        self.network.set_training(frozen=epoch < self.config.frozen_epochs)

    def step(self, number: int) -> None:
        """Take step `number`, counted from 1 over the whole training, and reset the gradients."""
        if self.config.clip is not None:
            self.fabric.clip_gradients(
                self.model,
                self.optimizer,
                max_norm=self.config.clip,
                error_if_nonfinite=False,  # 16-mixed skips the step itself, otherwise the epoch's end checks the loss
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update(self.network, step=number)

    def check_average(self, steps: int) -> None:
        """Warn when the warm-up of the EMA decay does not reach `ema` within the steps of the training."""
        if self.average is not None and (reached := self.average.get_decay(steps)) < self.average.decay:
            warn(
                f"ema {self.average.decay:g} never acts: in {steps:,} steps its warm-up reaches {reached:.5f}. Set ema "
                f"to {floor(reached * 1000) / 1000:g} or less, or train for more steps"
            )

    def share_buffers(self) -> None:
        """Broadcast the first process's buffers: each process has batch normalisation statistics of its own batches."""
        if self.fabric.world_size > 1:
            for buffer in self.eval_network.buffers():
                torch.distributed.broadcast(buffer, 0)

    def states(self) -> dict[str, Stateful]:
        """The objects that a checkpoint saves in order to resume the training, by name."""
        found: dict[str, Stateful] = {
            "network": self.network,
            **{f"optimizer {number}": optimizer for number, optimizer in enumerate(self.optimizers)},
            "precision": self.fabric.strategy.precision,  # the scale of gradients in half precision
        }
        if self.epoch_average is not None:
            found["epoch average"] = self.epoch_average
        return found if self.average is None else found | {"average": self.average.module}

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of the weights of `eval_network` in main memory."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.eval_network.state_dict().items()}

    def load_weights(self, state: dict[str, Tensor]) -> None:
        """Load weights of a snapshot into the network and its average."""
        self.network.load_state_dict(state)
        self.averaged = False
        if self.average is not None:
            self.average.set(self.network)


def _optimizer(settings: OptimizerConfig, precision: str, network: Network) -> Optimizer:
    plain = settings.name == "sgd" and settings.momentum == 0  # timm's sgd is Nesterov's, which needs momentum
    scaled = precision == "16-mixed"  # gradients cannot be clipped when the fused step unscales them
    fused = {} if scaled or settings.name not in FUSED else {"fused": True}
    try:
        optimizer: Optimizer = create_optimizer_v2(
            network,
            opt="momentum" if plain else settings.name,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            param_group_fn=partial(by_layer, settings=settings) if has_factors(settings) else None,
            **(fused | settings.args),
        )
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        raise ModelConfigError(f"optimizer '{settings.name}' with args {settings.args}: {error}") from error
    return optimizer
