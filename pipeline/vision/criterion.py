"""What a training is driven by and judged by: the loss of all heads, and their scores on an epoch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline import metrics
from pipeline.entries import Head, Model, attributes
from pipeline.labels import Codes, band, shape
from pipeline.photographs import Pixels
from pipeline.targets import Targets
from pipeline.vision import losses
from pipeline.vision.checkpoints import Metrics
from pipeline.vision.examples import Rows
from pipeline.vision.inference import Answers, Outputs


@dataclass(frozen=True)
class Material:
    """Packed crops, what every row of them is taught (`taught`) and judged by (`scored`), and the rows used."""

    crops: Pixels
    taught: Targets
    scored: dict[str, Codes]
    training: Rows
    validation: Rows


class Criterion:
    """The weighted sum of the losses of all heads, and the scores of each."""

    def __init__(self, entry: Model, material: Material, device: torch.device) -> None:
        self._heads = entry.heads
        self._losses = {name: losses.create(head.loss).to(device) for name, head in entry.heads.items()}
        self._taught = {name: torch.from_numpy(values).to(device) for name, values in material.taught.items()}
        self._scored = material.scored

    def loss(self, outputs: Outputs, rows: Tensor) -> Tensor:
        """Outputs per head for rows (n,) to a loss ()."""
        return torch.stack(
            [
                head.weight * self._losses[name](outputs[name].float(), self._taught[name][rows])
                for name, head in self._heads.items()
            ]
        ).sum()

    def measure(self, part: str, answers: Answers) -> Metrics:
        """Loss, accuracy and macro F1 on the scored bands, MAE of years, each named `<part>_...`.

        Accuracy and F1 are means over the heads; a model of several heads has those of each head too.
        """
        loss = self.loss({name: out.to(self._device) for name, out in answers.outputs.items()}, answers.rows)
        heads = {name: self._score(name, head, answers) for name, head in self._heads.items()}
        found = {"loss": float(loss)}
        for key in ("accuracy", "f1", "mae"):
            values = {name: scores[key] for name, scores in heads.items() if key in scores}
            if values:
                found[key] = float(np.mean(list(values.values())))
            if len(heads) > 1:
                found |= {f"{name}_{key}": value for name, value in values.items()}
        return {f"{part}_{key}": value for key, value in found.items()}

    @property
    def _device(self) -> torch.device:
        return next(iter(self._taught.values())).device

    def _score(self, name: str, head: Head, answers: Answers) -> Metrics:
        predicted = answers.predictions[name].cpu().numpy()
        rows = answers.rows.cpu().numpy()
        codes = band(predicted) if head.kind == "years" else predicted.argmax(axis=1)
        counts = metrics.confusion(self._scored[name][rows], codes, int(np.prod(shape(attributes(name)))))
        scores = {"accuracy": metrics.accuracy(counts), "f1": metrics.macro_f1(counts)}
        if head.kind == "years":
            years = self._taught[name].cpu().numpy()[rows]
            scores["mae"] = float(np.abs(predicted - years).mean())
        return scores
