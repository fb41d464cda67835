"""How fast a model trains and predicts on this machine, measured on a few steps with random pictures."""

import logging
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from pipeline.modeling import devices
from pipeline.modeling.config import TTA, ModelConfig
from pipeline.modeling.criterion import Criterion
from pipeline.modeling.fold_data import FoldData
from pipeline.modeling.inference import predict
from pipeline.modeling.learner import Learner
from pipeline.modeling.loop import train_epoch
from pipeline.schema.schema import SCHEMA

ROUNDS = 3  # of equal steps, whose median counts: a moment in which the machine does something else does not
MOST_STEPS = 10  # of a round
SMALL_BATCH = 8  # with which a CPU starts
LONGEST = 2.0  # seconds of a round on a CPU; a slow model gets a smaller batch, a quick one more steps


class Speed(NamedTuple):
    """Seconds per image of training, augmentation included, and of prediction."""

    training: float
    prediction: float


def measure(config: ModelConfig, crop_shape: tuple[int, int]) -> Speed:
    """Train and predict with random weights on random pictures.

    Args:
        config: The model's configuration; nothing is downloaded.
        crop_shape: Height and width of a crop in pixels.

    Raises:
        ModelConfigError: When the network or its settings do not work, or memory is short.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells the precision, among a command's results
    fabric = Fabric(accelerator="auto", devices=1, precision=config.precision)
    if fabric.device.type == "cuda":
        return _measure(config, crop_shape, config.batch_size, 1, fabric)
    small = _measure(config, crop_shape, min(config.batch_size, SMALL_BATCH), 1, fabric)
    batch = min(config.batch_size, int(LONGEST / small.training))
    if batch <= SMALL_BATCH:
        return small
    steps = min(int(LONGEST / (batch * small.training)), MOST_STEPS)
    return _measure(config, crop_shape, batch, steps, fabric)


def _measure(config: ModelConfig, crop_shape: tuple[int, int], batch: int, steps: int, fabric: Fabric) -> Speed:
    random = config.model_copy(
        update={
            "pretrained": False,
            "weights": None,
            "batch_size": batch,
            "drop_ages": (),
            "oversample": None,
            "progressive_resizing": None,  # the time of the largest images
        }
    )
    devices.configure(random)
    images = steps * batch
    people = _people(images + batch)
    held_out = np.arange(len(people)) >= images
    crops = np.random.default_rng(0).integers(0, 256, (len(people), *crop_shape, 3), dtype=np.uint8)
    data = FoldData.of(people, crops, held_out, random)
    learner, criterion = Learner.create(random, fabric), Criterion(random, data, fabric.device)
    batches = data.train_loader(data.training, random, (0, 1))
    training = _seconds(lambda: train_epoch(learner, batches, criterion, 1, []))
    loader = data.val_loader(data.training, random, (0, 1))
    prediction = _seconds(lambda: predict(learner.eval_network, loader, random, TTA(), fabric))
    return Speed(training / images, prediction / images)


def _seconds(of: Callable[[], object]) -> float:
    """The median over the rounds, after one that warms up."""
    taken = []
    for _ in range(1 + ROUNDS):
        started = perf_counter()
        of()
        taken.append(perf_counter() - started)
    return median(taken[1:])


def _people(photos: int) -> pd.DataFrame:
    """Labels of so many photos, of all classes in turn."""
    codes = np.arange(photos) % SCHEMA.classes
    ages = np.array([25, 45, 65])[SCHEMA.decode(codes)["age"]]
    return pd.DataFrame(SCHEMA.value_names(codes)).assign(age=ages)
