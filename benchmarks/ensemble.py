"""Predictions of three models: photos decoded and cropped once, against once per model and TTA variant."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.photos import config, photos_of
from benchmarks.timing import Result, compare
from pipeline.faces.config import Crop
from pipeline.faces.cropping import Cropper
from pipeline.formats.images import read
from pipeline.modeling import inference, weights
from pipeline.modeling.config import TTA, WeightsMetadata
from pipeline.modeling.network import Network

COUNT, SIZE = 32, 72


def measure(root: Path | None) -> list[Result]:
    paths = photos_of(root, COUNT)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    members = [make_member(folder / f"{number}.safetensors") for number in range(3)]
    cropper = Cropper(Crop(size=SIZE))
    networks = [weights.load(path)[0] for path in members]

    def reference() -> list[Tensor]:
        return [_one_view(network, cropper, paths, flip) for network in networks for flip in (False, True)]

    def ours() -> list[inference.Predictions]:
        packed = np.stack([crop.pixels for crop in cropper([read(path) for path in paths])])
        return [inference.Predictor(path, TTA(flip=True))(packed) for path in members]

    what = f"ensemble, {len(paths)} photos, 3 models x (clean + flip)"
    return [compare(what, "3", reference, ours)]


def _one_view(network: Network, cropper: Cropper, paths: list[Path], flip: bool) -> Tensor:
    answers = []
    for path in paths:
        photo = torch.from_numpy(cropper([read(path)])[0].pixels.copy())[None]
        with torch.no_grad():
            answers.append(network(photo.flip(2) if flip else photo)["mask"].softmax(1))
    return torch.cat(answers)


def make_member(path: Path) -> Path:
    """Weights of an untrained tiny model, written to a file."""
    model = config()
    weights.save(path, Network(model).state_dict(), WeightsMetadata(model="mask", fold=0, epoch=1, config=model))
    return path
