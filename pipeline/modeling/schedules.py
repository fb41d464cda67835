"""Schedules of the learning rate: the share of the peak rate as a pure function of the epoch."""

import math
from collections.abc import Sequence

from pipeline.modeling.config.optimization import Constant, Cosine, OneCycle, Plateau, Schedule, Step

ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1 / 250_000  # as shares of the peak, PyTorch's defaults
PLATEAU_THRESHOLD = 1e-4  # smaller relative improvements are none, as in PyTorch


def factor(schedule: Schedule, epoch: float, epochs: int, losses: Sequence[float] = ()) -> float:
    """Share 0..1 of the peak learning rate at a fractional epoch.

    Args:
        schedule: Configuration of the schedule.
        epoch: Epochs since the start, fractional, at the middle of a step.
        epochs: Number of epochs of the whole schedule.
        losses: Losses of the finished epochs, on which the plateau depends.

    Cosine: Loshchilov and Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983, without restarts. One cycle: Smith and
    Topin, Super-Convergence, 2018, https://arxiv.org/abs/1708.07120, by cosines and with momentum left alone.
    """
    if not isinstance(schedule, OneCycle) and epoch < schedule.warmup:
        return epoch / schedule.warmup
    match schedule:
        case Constant():
            return 1.0
        case Step(step=step):
            return float(schedule.factor ** (epoch // step))
        case Cosine(warmup=warmup):
            return _between(1, 0, (epoch - warmup) / max(epochs - warmup, 1))
        case OneCycle(rise=rise):
            top = rise * epochs
            if epoch < top:
                return _between(ONE_CYCLE_START, 1, epoch / top)
            return _between(1, ONE_CYCLE_END, (epoch - top) / (epochs - top))
        case Plateau(patience=patience):
            return float(schedule.factor ** _plateaus(losses, patience))


def _between(start: float, end: float, progress: float) -> float:
    """Half a cosine from start to end at a progress of 0..1."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(progress, 1)))


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """How many times the loss has missed its lowest for more than `patience` epochs, as ReduceLROnPlateau counts."""
    lowest, waited, count = math.inf, 0, 0
    for loss in losses:
        if loss < lowest * (1 - PLATEAU_THRESHOLD):
            lowest, waited = loss, 0
        else:
            waited += 1
        if waited > patience:
            waited, count = 0, count + 1
    return count
