"""How long a recipe takes on this machine: measured steps of its models and crops, times photos, epochs and folds."""

from collections.abc import Callable
from heapq import heapreplace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from pipeline.config.params import Params
from pipeline.dataset import photo_shards
from pipeline.dataset.layout import EVAL, eval_photos
from pipeline.faces.config import Crop
from pipeline.faces.cropping import BATCH, Cropper
from pipeline.faces.detection import device
from pipeline.modeling.config import ModelConfig
from pipeline.modeling.speed import Speed, measure
from pipeline.orchestration import machine
from pipeline.orchestration.readiness import PhotoCounts
from pipeline.stages.crop import pack
from pipeline.stages.sample import sample
from pipeline.synthetic.config import Sample

BATCHES = 3  # that are cropped on every core, of photos from all over the data set
START = 8.0  # seconds until a stage is at work: DVC and imports
PRESETS = {  # recipes by what is here: from the quickest to the best
    False: {"fast": "sample", "good": "ours-cpu", "best": "ours"},
    True: {"fast": "ours-cpu", "good": "r1-podium-b3", "best": "ours"},
}


def seconds(
    params: Params,
    photos: PhotoCounts,
    crop: float,
    measured: Callable[[ModelConfig, tuple[int, int]], Speed] = measure,
) -> float:
    """Estimated seconds of all stages, as many trainings at once as the machine has GPUs, or cores for their threads.

    Args:
        params: The recipe.
        photos: Number of photos.
        crop: Seconds of the crop of a photo on all cores.
        measured: Gives the speed of a model; measures it by default.
    """
    folds, held_out = len(params.train.folds), 1 / len(params.split.held_out)
    if params.split.validation is not None:
        held_out = params.split.validation
    predicted, seen = held_out * photos.train, (1 - held_out) * photos.train
    jobs: list[float] = []
    for name in params.train.models:
        config = params.models[name]
        speed = measured(config, params.crop.shape)
        variants = (params.tta[name].clean > 0) + params.tta[name].augmented
        variants *= (5 if params.tta[name].five_crop else 1) * (2 if params.tta[name].flip else 1)
        predictions = variants * (predicted + photos.eval)
        jobs += folds * [_training(config, speed, seen, predicted) + predictions * speed.prediction]
        if name in params.pseudo_label.models:
            joined = seen + params.pseudo_label.share * photos.eval
            student = params.pseudo_label.config(config)
            if student != config:
                speed = measured(student, params.crop.shape)
            jobs += folds * [_training(student, speed, joined, predicted) + predictions * speed.prediction]
        if name in params.refit.soup:  # batch statistics and a score of the mean, on all photos
            jobs.append((2 * photos.train + variants * photos.eval) * speed.prediction)
        elif name in params.refit.models:
            jobs.append(_training(config, speed, photos.train, 0) + variants * photos.eval * speed.prediction)
    slots = min(len(machine.gpus()) or max(machine.cores() // _threads(params), 1), len(jobs))
    ends = [0.0] * slots
    for job in jobs:
        heapreplace(ends, ends[0] + job + 2 * START)  # the first slot that is free takes it
    return crop * sum(photos) + max(ends) + 8 * START


def crop_seconds(params: Crop, root: Path) -> float:
    """Measure the seconds of the crop of a photo on all cores, with photos of a data set; drawn ones if there is none.

    Args:
        params: Method and size of the crops.
        root: Root of the data set.

    Raises:
        InputError: When photos are missing or cannot be read.
    """
    with TemporaryDirectory() as folder:
        if not root.exists():
            root = Path(folder, "sample")
            sample(root, Sample(people=24, eval_people=8))
        names = eval_photos(root)
        chosen = np.linspace(0, len(names) - 1, min(BATCHES * BATCH * machine.cores(), len(names))).astype(int)
        photos = photo_shards.files(root / EVAL, [names[number] for number in chosen])
        cropper = Cropper(params, device())
        pack(cropper, photos[:BATCH], Path(folder, "warm"), "eval")
        started = perf_counter()
        pack(cropper, photos, Path(folder, "crops"), "eval")
    return (perf_counter() - started) / len(photos)


def _training(config: ModelConfig, speed: Speed, seen: float, predicted: float) -> float:
    """Seconds of a training on so many photos, whose epochs each predict so many."""
    if config.is_probe:  # features are computed once, and its heads cost next to nothing
        return (seen + predicted) * speed.prediction
    return config.total_epochs * (seen * speed.training + predicted * speed.prediction)


def _threads(params: Params) -> int:
    return max(params.models[name].threads for name in params.train.models)
