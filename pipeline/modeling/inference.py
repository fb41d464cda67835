"""Predictions of a network: probabilities or years per head, in the order of the rows asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.formats.images import Pixels
from pipeline.modeling import resources, tta, weights
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.network import Network

Outputs = dict[str, Tensor]
Predictions = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TTAOutputs:
    """What a network says of rows (n,): outputs (n, looks, ...) per head, the plain image's first."""

    rows: Tensor
    outputs: Outputs

    @classmethod
    def joined(cls, parts: list["TTAOutputs"]) -> "TTAOutputs":
        """One of many, in the order of rows."""
        rows = torch.cat([part.rows for part in parts])
        order = rows.argsort(stable=True)
        return cls(
            rows[order],
            {name: torch.cat([part.outputs[name] for part in parts])[order] for name in parts[0].outputs},
        )

    def cpu(self) -> "TTAOutputs":
        """The same, off the device."""
        return TTAOutputs(self.rows.cpu(), {name: out.cpu() for name, out in self.outputs.items()})


@dataclass(frozen=True)
class EvalOutput:
    """What a network says of some rows: raw outputs of the plain image, and predictions meant over all looks."""

    rows: Tensor
    outputs: Outputs
    predictions: Outputs

    @classmethod
    def of(cls, looks: TTAOutputs, config: ModelConfig, by: TTA) -> "EvalOutput":
        """The answers that a mean over looks gives."""
        return cls(
            looks.rows,
            {name: out[:, 0] for name, out in looks.outputs.items()},
            {name: tta.mean(out, config.heads[name].kind, by) for name, out in looks.outputs.items()},
        )


class Predictor:
    """One trained member, ready to be asked again and again; its own recipe says how it looks at images."""

    def __init__(self, path: Path) -> None:
        network, recipe = weights.load(path)
        self.config = recipe.config
        self._fabric = Fabric(accelerator="auto", devices=1, precision=self.config.precision)
        self._network = network.to(self._fabric.device)

    def __call__(self, crops: Pixels, workers: int | None = None) -> Predictions:
        """Predictions for packed crops (n, height, width, 3): probabilities (n, classes), or years (n,).

        `workers` are the processes that load images; as many as there are cores to exclude by default.
        """
        order = Batches(np.arange(len(crops)), 2 * self.config.batch_size)
        batches = Loader(crops, self.config, order, training=False, workers=workers)
        with resources.explained(self.config):
            answers = answer(self._network, batches, self.config, self._fabric)
        return {name: values.numpy() for name, values in answers.predictions.items()}


def predict(path: Path, crops: Pixels) -> Predictions:
    """Predictions of one trained member for packed crops (n, height, width, 3)."""
    return Predictor(path)(crops)


@torch.inference_mode()
def answer(network: Network, batches: Loader, config: ModelConfig, fabric: Fabric) -> EvalOutput:
    """EvalOutput for every row of the batches, gathered from all processes."""
    network.eval()
    with fabric.autocast():
        passes = [_look(network, batches, config, fabric, view) for view in range(1 + config.tta.augmented)]
    own = TTAOutputs(
        passes[0].rows, {name: torch.cat([look.outputs[name] for look in passes], dim=1) for name in config.heads}
    )
    return EvalOutput.of(gathered(own, fabric), config, config.tta)


def gathered(own: TTAOutputs, fabric: Fabric) -> TTAOutputs:
    """What all processes have looked at, in the order of rows; every process gets it."""
    if fabric.world_size == 1:
        return own
    parts = [own] * fabric.world_size
    torch.distributed.all_gather_object(parts, own.cpu())
    return TTAOutputs.joined(parts)


def _look(network: Network, batches: Loader, config: ModelConfig, fabric: Fabric, view: int) -> TTAOutputs:
    found = []
    for images, rows in batches.at(view):
        seen = tta.looks(images.to(fabric.device), config.tta, plain=view == 0)
        said = [network(look) for look in seen]
        found.append(
            TTAOutputs(rows, {name: torch.stack([outputs[name] for outputs in said], 1) for name in config.heads})
        )
    return TTAOutputs.joined(found).cpu()
