"""What a training is driven by and judged by: the loss of all heads, and their scores on an epoch."""

import numpy as np
import torch
from torch import Tensor

from pipeline.modeling import losses
from pipeline.modeling.checkpoints import Metrics
from pipeline.modeling.config import Head, ModelConfig
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.heads import classes
from pipeline.modeling.inference import EvalOutput, Outputs
from pipeline.modeling.mixing import Batch
from pipeline.schema import metrics
from pipeline.schema.probabilities import likeliest


class Criterion:
    """The weighted sum of the losses of all heads, and the scores of each."""

    def __init__(self, config: ModelConfig, fold_data: FoldData, device: torch.device) -> None:
        self._config = config
        self._losses = {
            name: losses.create(head.loss, fold_data.train_targets[name][fold_data.training], classes(name)).to(device)
            for name, head in config.heads.items()
        }
        self._taught = {name: torch.from_numpy(values).to(device) for name, values in fold_data.train_targets.items()}
        self._weights = torch.from_numpy(fold_data.weights).to(device)
        self._eval_targets = fold_data.eval_targets

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        """Outputs per head for rows (n,) to a loss ()."""
        return torch.stack(
            [
                head.weight * self._losses[name](outputs[name].float(), self._taught[name][rows], self._weights[rows])
                for name, head in self._config.heads.items()
            ]
        ).sum()

    def mixed(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Outputs per head for a batch, whose images may be partly others, to a loss ()."""
        own = self.loss(outputs, batch.rows)
        return own if batch.lam == 1 else torch.lerp(self.loss(outputs, batch.partners), own, batch.lam)

    def measure(self, part: str, answers: EvalOutput) -> Metrics:
        """Loss, accuracy and macro F1 on the eval_targets bands, MAE of years, each named `<part>_...`.

        Accuracy and F1 are means over the heads; a model of several heads has those of each head too. In training a
        mixed image is judged by its own label alone.
        """
        device = self._weights.device
        loss = self.loss({name: out.to(device) for name, out in answers.outputs.items()}, answers.rows)
        heads = {name: self._score(name, head, answers) for name, head in self._config.heads.items()}
        found = {"loss": float(loss)}
        for key in ("accuracy", "macro_f1", "binary_f1", "mae"):
            values = {name: scores[key] for name, scores in heads.items() if key in scores}
            if values:
                found[key] = float(np.mean(list(values.values())))
            if len(heads) > 1:
                found |= {f"{name}_{key}": value for name, value in values.items()}
        return {f"{part}_{key}": value for key, value in found.items()}

    def _score(self, name: str, head: Head, answers: EvalOutput) -> Metrics:
        predicted = answers.predictions[name].cpu().numpy()
        rows = answers.rows.cpu().numpy()
        counts = metrics.confusion(self._eval_targets[name][rows], likeliest(predicted), classes(name))
        scores = {"accuracy": metrics.accuracy(counts), "macro_f1": metrics.macro_f1(counts)}
        if self._config.select == "binary_f1":
            scores["binary_f1"] = float(metrics.f1(counts)[1])
        if head.kind == "regression":
            years = self._taught[name].cpu().numpy()[rows]
            scores["mae"] = float(np.abs(predicted - years).mean())
        return scores
