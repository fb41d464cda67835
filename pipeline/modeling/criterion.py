"""The training loss, summed over all heads, and the metrics of an epoch."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pipeline.modeling import losses
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import Head, ModelConfig
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.heads import classes, of_class
from pipeline.modeling.inference import EvalOutput, Outputs
from pipeline.modeling.losses import soft_cross_entropy, trimmed, weighted_mean
from pipeline.modeling.mixing import Batch
from pipeline.schema import metrics
from pipeline.schema.probabilities import YEARS, expected_years, likeliest


class Criterion:
    """The loss of a model, a weighted sum over its heads, and the metrics of its outputs."""

    def __init__(self, config: ModelConfig, fold_data: FoldData, device: torch.device) -> None:
        self._config = config
        self._losses = {
            name: losses.create(head.loss, fold_data.train_targets[name][fold_data.training], classes(name)).to(device)
            for name, head in config.heads.items()
        }
        self._train_targets = {
            name: torch.from_numpy(values).to(device) for name, values in fold_data.train_targets.items()
        }
        self._weights = torch.from_numpy(fold_data.weights).to(device)
        self._eval_targets = fold_data.eval_targets
        self._soft_targets = {name: torch.from_numpy(own).to(device) for name, own in fold_data.soft_targets.items()}

    def loss(self, outputs: Outputs, rows: Tensor, epoch: int | None = None) -> Tensor:
        """Loss () of the outputs of every head for rows (n,); in a training epoch, trimmed as configured."""
        targets = {name: values[rows] for name, values in self._train_targets.items()}
        losses = []
        for name, head in self._config.heads.items():
            own = outputs[name].float()
            if head.by:
                own = of_class(own, targets[head.by])
            weights = self._row_weights(name, head, own, targets[name], rows, epoch)
            losses.append(head.weight * self._head_loss(name, own, targets[name], weights, rows))
        return torch.stack(losses).sum()

    def mixed_loss(self, outputs: Outputs, batch: Batch, epoch: int) -> Tensor:
        """Loss () of the outputs of every head for a training batch that CutMix or MixUp may have mixed.

        The losses against the targets of both images are weighted by `lam` and 1 - `lam`.
        """
        own = self.loss(outputs, batch.rows, epoch)
        return own if batch.lam == 1 else torch.lerp(self.loss(outputs, batch.partners, epoch), own, batch.lam)

    def measure(self, part: str, output: EvalOutput) -> Metrics:
        """Compute loss, accuracy and macro F1, and for a head of years the mean absolute error in years.

        Accuracy and F1 use the age bands of the label schema, whatever bands a head is trained on. In training, a mixed
        image counts with the label of its own row only.

        Args:
            part: `train` or `val`, the prefix of the metric names.
            output: Outputs and predictions of the rows to evaluate.

        Returns:
            Metrics by name, `<part>_<metric>`: means over the heads. A model with several heads also has
            `<part>_<head>_<metric>`.
        """
        device = self._weights.device
        loss = self.loss({name: out.to(device) for name, out in output.outputs.items()}, output.rows)
        heads = {name: self._score(name, head, output) for name, head in self._config.heads.items()}
        found = {"loss": float(loss)}
        for key in ("accuracy", "macro_f1", "binary_f1", "mae"):
            values = {name: scores[key] for name, scores in heads.items() if key in scores}
            if values:
                found[key] = float(np.mean(list(values.values())))
            if len(heads) > 1:
                found |= {f"{name}_{key}": value for name, value in values.items()}
        return {f"{part}_{key}": value for key, value in found.items()}

    def _row_weights(
        self, name: str, head: Head, outputs: Tensor, targets: Tensor, rows: Tensor, epoch: int | None
    ) -> Tensor:
        if head.trim is None or epoch is None:
            return self._weights[rows]
        return trimmed(self._weights[rows], self._losses[name], outputs, targets, head.trim.at(epoch))

    def _head_loss(self, name: str, outputs: Tensor, targets: Tensor, weights: Tensor, rows: Tensor) -> Tensor:
        """Loss () of a head: of classes for labelled rows, of probabilities for those with soft targets."""
        of_classes: Callable[[Tensor], Tensor] = partial(self._losses[name], outputs, targets)
        if name not in self._soft_targets:
            return of_classes(weights)
        soft_targets = self._soft_targets[name]
        places = rows.to(weights.device) - (len(self._weights) - len(soft_targets))
        is_soft = places >= 0
        by_row = soft_cross_entropy(outputs, soft_targets[places.clamp(min=0)])
        share = weighted_mean(is_soft.to(weights.dtype), weights)
        return torch.lerp(of_classes(weights * ~is_soft), weighted_mean(by_row, weights * is_soft), share)

    def _score(self, name: str, head: Head, output: EvalOutput) -> Metrics:
        predicted = output.predictions[name].cpu().numpy()
        rows = output.rows.cpu().numpy()
        counts = metrics.confusion(self._eval_targets[name][rows], likeliest(predicted), classes(name))
        scores = {"accuracy": metrics.accuracy(counts), "macro_f1": metrics.macro_f1(counts)}
        if self._config.select == "binary_f1":
            scores["binary_f1"] = float(metrics.f1(counts)[1])
        if head.of_years:
            targets = self._train_targets[name].cpu().numpy()[rows]
            years = YEARS[targets] if head.kind == "distribution" else targets
            scores["mae"] = float(np.abs(expected_years(predicted) - years).mean())
        return scores
