"""The course of the learning rate: a factor of the peak as a pure function of the training's progress."""

import math

from pipeline.entries import Schedule


def factor(schedule: Schedule, epoch: float, epochs: int) -> float:
    """Factor 0..1 of the peak learning rate at a fractional `epoch` of `epochs`, counted to the middle of a step.

    Cosine: Loshchilov and Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983, without restarts.
    """
    if epoch < schedule.warmup:
        return epoch / schedule.warmup
    match schedule.name:
        case "constant":
            return 1.0
        case "step":
            return float(schedule.factor ** (epoch // schedule.step))
        case "cosine":
            progress = (epoch - schedule.warmup) / max(epochs - schedule.warmup, 1)
            return 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
