"""Predictions of a network: probabilities or years per head, in the order of the rows asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.entries import Model
from pipeline.photographs import Pixels
from pipeline.vision import weights
from pipeline.vision.examples import Batches, Loader, loader
from pipeline.vision.network import Network

Outputs = dict[str, Tensor]
Predictions = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Answers:
    """What a network says of some rows: raw outputs of the plain view, and predictions meant over all views."""

    rows: Tensor
    outputs: Outputs
    predictions: Outputs

    @classmethod
    def joined(cls, parts: list["Answers"]) -> "Answers":
        """One answer of many, in the order of rows."""
        rows = torch.cat([part.rows for part in parts])
        order = rows.argsort()
        outputs, predictions = (
            {name: torch.cat([batch[name] for batch in batches])[order] for name in batches[0]}
            for batches in ([part.outputs for part in parts], [part.predictions for part in parts])
        )
        return cls(rows[order], outputs, predictions)

    def cpu(self) -> "Answers":
        """The same, off the device."""
        return Answers(
            self.rows.cpu(),
            {name: out.cpu() for name, out in self.outputs.items()},
            {name: out.cpu() for name, out in self.predictions.items()},
        )


def predict(path: Path, crops: Pixels) -> Predictions:
    """Predictions of one trained member for packed crops (n, height, width, 3), through its own recipe.

    A head of classes gives probabilities (n, classes), a head of years gives years (n,).
    """
    network, recipe = weights.load(path)
    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.entry.precision)
    batches = loader(crops, recipe.entry, Batches(np.arange(len(crops)), 2 * recipe.entry.batch_size), training=False)
    answers = answer(network.to(fabric.device), batches, recipe.entry, fabric)
    return {name: values.numpy() for name, values in answers.predictions.items()}


@torch.inference_mode()
def answer(network: Network, batches: Loader, entry: Model, fabric: Fabric) -> Answers:
    """Answers for every row of the batches, gathered from all processes."""
    network.eval()
    with fabric.autocast():
        own = [_look(network, pictures.to(fabric.device), rows, entry) for pictures, rows in batches]
    parts = [Answers.joined(own).cpu()]
    if fabric.world_size > 1:
        parts = [parts[0]] * fabric.world_size
        torch.distributed.all_gather_object(parts, parts[0])
    return Answers.joined(parts)


def probabilities(outputs: Outputs, entry: Model) -> Outputs:
    """Softmax of every head of classes; years stay years."""
    return {
        name: out.float() if entry.heads[name].kind == "years" else out.float().softmax(dim=1)
        for name, out in outputs.items()
    }


def _look(network: Network, pictures: Tensor, rows: Tensor, entry: Model) -> Answers:
    outputs = network(pictures)
    views = [probabilities(outputs, entry)]
    if entry.flip:
        views.append(probabilities(network(pictures.flip(2)), entry))
    predictions = {name: torch.stack([view[name] for view in views]).mean(dim=0) for name in outputs}
    return Answers(rows, outputs, predictions)
