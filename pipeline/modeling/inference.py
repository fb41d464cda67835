"""Inference: the probabilities or years that a network predicts per head."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.formats.arrays import Packed
from pipeline.foundation.progress import watch
from pipeline.modeling import devices, resources, weights
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.heads import expected
from pipeline.modeling.loader import Batches, Loader
from pipeline.modeling.network import Network
from pipeline.modeling.sampling import Rows
from pipeline.modeling.tta import mean, variants

Outputs = dict[str, Tensor]
Predictions = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TTAOutputs:
    """Raw outputs (n, variants, ...) per head for rows (n,); the plain image is variant 0."""

    rows: Tensor
    outputs: Outputs

    @classmethod
    def joined(cls, parts: list["TTAOutputs"]) -> "TTAOutputs":
        """Concatenate parts, and sort them by row."""
        rows = torch.cat([part.rows for part in parts])
        order = rows.argsort(stable=True)
        return cls(
            rows[order],
            {name: torch.cat([part.outputs[name] for part in parts])[order] for name in parts[0].outputs},
        )

    def cpu(self) -> "TTAOutputs":
        """The same outputs in main memory."""
        return TTAOutputs(self.rows.cpu(), {name: out.cpu() for name, out in self.outputs.items()})


@dataclass(frozen=True)
class EvalOutput:
    """Per head for rows (n,): raw outputs (n, ...) of the plain image, and predictions averaged over all variants."""

    rows: Tensor
    outputs: Outputs
    predictions: Outputs

    @classmethod
    def of(cls, outputs: TTAOutputs, config: ModelConfig, tta: TTA) -> "EvalOutput":
        """Average the outputs of all variants."""
        return cls(
            outputs.rows,
            {name: out[:, 0] for name, out in outputs.outputs.items()},
            {
                name: mean(out, config.heads[name].kind, tta)
                for name, out in expected(outputs.outputs, config.heads).items()
            },
        )


class Predictor:
    """A trained network that predicts packed crops with test-time augmentation."""

    def __init__(self, path: Path, tta: TTA, validated: bool = False) -> None:
        """Load a trained network.

        Args:
            path: The weights file.
            tta: Test-time augmentation.
            validated: Use the weights from before the last epochs, which trained on the held-out fold, if any.

        Raises:
            InputError: When the weights cannot be loaded.
        """
        network, metadata = weights.load(path, validated)
        self.config = metadata.config
        devices.configure(self.config)
        self._tta = tta
        self._fabric = Fabric(accelerator="auto", devices=1, precision=self.config.precision)
        self._network = network.to(self._fabric.device)

    def __call__(self, crops: Packed, rows: Rows | None = None, workers: int | None = None) -> Predictions:
        """Predict rows of packed crops.

        Args:
            crops: Packed crops (n, height, width, 3).
            rows: Rows (m,) to predict; by default all.
            workers: Number of processes that load images; by default one per core, less one.

        Returns:
            Per head, probabilities (m, classes) or (m, years), or years (m,).

        Raises:
            ModelConfigError: When the GPU or the machine runs out of memory.
        """
        order = Batches(np.arange(len(crops)) if rows is None else rows, 2 * self.config.batch_size)
        batches = Loader(crops, self.config, order, training=False, workers=workers)
        with resources.explained(self.config):
            outputs = predict(self._network, batches, self.config, self._tta, self._fabric)
        return {name: values.numpy() for name, values in outputs.predictions.items()}


@torch.inference_mode()
def predict(network: Network, batches: Loader, config: ModelConfig, tta: TTA, fabric: Fabric) -> EvalOutput:
    """Outputs and predictions for every row of the batches, gathered from all processes."""
    network.eval()
    with fabric.autocast():
        passes = [_pass(network, batches, config, tta, fabric, number) for number in range(1 + tta.augmented)]
    own = TTAOutputs(
        passes[0].rows, {name: torch.cat([one.outputs[name] for one in passes], dim=1) for name in config.heads}
    )
    return EvalOutput.of(gathered(own, fabric), config, tta)


@torch.no_grad()
def features(network: Network, crops: Packed, config: ModelConfig, fabric: Fabric) -> npt.NDArray[np.float32]:
    """Features (n, k) of packed crops (n, height, width, 3), which the heads of the network get."""
    network.eval()
    batches = Loader(crops, config, Batches(np.arange(len(crops)), 2 * config.batch_size), training=False)
    with fabric.autocast():
        parts = [
            network.features(images.to(fabric.device)).float().cpu()
            for images, _ in watch(batches, "features", len(batches))
        ]
    return torch.cat(parts).numpy()


def gathered(own: TTAOutputs, fabric: Fabric) -> TTAOutputs:
    """The outputs of all processes, in the order of rows; every process gets them."""
    if fabric.world_size == 1:
        return own
    parts = [own] * fabric.world_size
    torch.distributed.all_gather_object(parts, own.cpu())
    return TTAOutputs.joined(parts)


def _pass(network: Network, batches: Loader, config: ModelConfig, tta: TTA, fabric: Fabric, number: int) -> TTAOutputs:
    """Outputs of a test-time augmentation pass over the batches; pass 0 has the plain images."""
    found = []
    for images, rows in batches.at(number):
        outputs = [network(variant) for variant in variants(images.to(fabric.device), tta, plain=number == 0)]
        stacked = {name: torch.stack([output[name] for output in outputs], 1) for name in config.heads}
        found.append(TTAOutputs(rows, stacked))
    return TTAOutputs.joined(found).cpu()
