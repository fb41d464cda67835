"""What would stop a run or make it slow, found before any stage starts: data, weights, GPU, disk, memory."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.config.params import Params
from pipeline.dataset.layout import EVAL, INFO, MASK_OF_STEM, PEOPLE, TRAIN
from pipeline.formats import tables
from pipeline.foundation.errors import InputError
from pipeline.orchestration import machine

SAMPLE = Path("data/sample")  # the stage `sample` writes it, and again after a kill
HUB = "https://huggingface.co"
PATIENCE = 3.0  # seconds until the hub counts as unreachable
GIB = 2**30
LEAST_MEMORY = 2 * GIB  # a training of the smallest networks takes 1.2 GiB


class Obstacle(NamedTuple):
    """Something that is wrong (`stops`) or slow, in one line that says what to do."""

    text: str
    stops: bool


class PhotoCounts(NamedTuple):
    """Number of train and eval photos."""

    train: int
    eval: int


def findings(params: Params) -> list[Obstacle]:
    """What would stop a run or make it slow on this machine; what is wrong comes first."""
    wrong = [*_faults_of_data(params), *_faults_of_weights(params), *_faults_of_disk(params)]
    return [*(Obstacle(text, True) for text in wrong), *(Obstacle(text, False) for text in _slow(params))]


def count(params: Params) -> PhotoCounts:
    """Number of photos that the tables of the data set list; raises `InputError` when they cannot be read."""
    root, per_person = params.data.root, len(MASK_OF_STEM)
    if root == SAMPLE:
        return PhotoCounts(params.sample.people * per_person, params.sample.eval_people * per_person)
    people = tables.read(root / "train" / "train.csv", PEOPLE)
    return PhotoCounts(len(people) * per_person, len(tables.read(root / "eval" / "info.csv", INFO)))


def _faults_of_data(params: Params) -> Iterator[str]:
    root = params.data.root
    if root == SAMPLE:
        return
    if not root.is_dir():
        yield f"data.root: {root} is no folder; python -m pipeline set data.root=FOLDER"
        return
    for part in (Path("train", "train.csv"), TRAIN, Path("eval", "info.csv"), EVAL):
        if not (root / part).exists():
            yield f"data.root: {root / part} is missing; a data set has train/ and eval/, README.md shows its layout"


def _faults_of_weights(params: Params) -> Iterator[str]:
    downloads = []
    for name in params.train.models:
        config = params.models[name]
        if config.pinned or not config.pretrained:
            continue
        if config.weights is None:
            downloads.append(name)
        elif not config.weights.is_file():
            yield f"models.{name}.weights: {config.weights} is no file; download it, or set pretrained: false"
    if downloads and (missing := [name for name in downloads if not _is_downloaded(params, name)]):
        host = urlsplit(os.environ.get("HF_ENDPOINT", HUB))
        if not _is_reachable(host.hostname or "", host.port or 443):
            yield (
                f"models.{', '.join(missing)}: published weights are not here, and {host.hostname} cannot be reached; "
                "set weights: FILE, or pretrained: false"
            )


def _is_downloaded(params: Params, name: str) -> bool:
    from pipeline.modeling import hub

    return hub.is_downloaded(params.models[name].backbone)


def _is_reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


def _faults_of_disk(params: Params) -> Iterator[str]:
    try:
        photos = sum(count(params))
    except InputError:  # reported with the data
        return
    height, width = params.crop.shape
    needed = photos * height * width * 3
    free = machine.free_disk(Path())
    if needed > free:
        yield (
            f"disk: crops of {photos:,} photos take {needed / GIB:.1f} GiB, and {free / GIB:.1f} GiB are free; "
            "free some space, or lower crop.size"
        )


def _slow(params: Params) -> Iterator[str]:
    free = machine.free_memory()
    if free < LEAST_MEMORY:
        yield f"memory: {free / GIB:.1f} GiB are free, and the smallest training takes 1.2 GiB; close other programs"
    if machine.gpus():
        return
    wanting = [name for name in params.train.models if params.models[name].precision != "32-true"]
    if wanting:
        yield f"models.{', '.join(wanting)}.precision: slow without a GPU; set it to 32-true"
    if any(params.models[name].pretrained for name in params.train.models):
        yield (
            f"no GPU found: trainings run on {machine.cores()} cores; `python -m pipeline recipe suggest` measures how "
            "long they take, and names what fits"
        )
