"""Face detection: batches on all cores, against facenet-pytorch's MTCNN with one photo at a time."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from facenet_pytorch import MTCNN
from PIL import Image

from benchmarks.photos import photos_of
from benchmarks.timing import Result, compare
from pipeline.faces.config import Crop as Params
from pipeline.faces.cropping import Cropper, CropResult
from pipeline.faces.detection import Face, pool
from pipeline.formats.images import check, read

COUNT, ROUNDS, BATCH = 640, 4, 16


def measure(root: Path | None) -> list[Result]:
    paths = photos_of(root, COUNT)
    detect, cropper = MTCNN(keep_all=True), Cropper(Params(size=224))
    theirs: dict[Path, np.ndarray | None] = {}
    faces: dict[Path, Face | None] = {}

    def reference(chosen: list[Path]) -> None:
        for path in chosen:
            theirs[path] = detect.detect(Image.open(path).convert("RGB"))[0]

    def ours(chosen: list[Path]) -> None:
        faces.update(zip(chosen, (crop.face for crop in cut(cropper, chosen)), strict=True))

    rounds = [
        compare("", "", partial(reference, part), partial(ours, part), rounds=1)
        for part in (paths[start::ROUNDS] for start in range(ROUNDS))
    ]
    return [
        Result(
            f"crop, {COUNT // ROUNDS} photos",
            "15, none lost, 99 % alike, half the misses",
            float(np.median([row.ours for row in rounds])),
            float(np.median([row.reference for row in rounds])),
            tuple(row.ratios[0] for row in rounds),
            float(np.median([row.cpu for row in rounds])),
            _agreement(theirs, faces),
        )
    ]


def cut(cropper: Cropper, paths: list[Path]) -> Iterator[CropResult]:
    """Check and crop photos as the stage does: one batch per thread."""
    check(paths)

    def one_batch(start: int) -> list[CropResult]:
        return cropper([read(path) for path in paths[start : start + BATCH]])

    with pool() as threads:
        yield from chain.from_iterable(threads.map(one_batch, range(0, len(paths), BATCH)))


def _agreement(theirs: dict[Path, np.ndarray | None], ours: dict[Path, Face | None]) -> str:
    """How far the faces found by both agree."""
    found = {path: boxes[0] for path, boxes in theirs.items() if boxes is not None}
    same = sum(bool((face := ours[path]) and overlap(box, face.box) > 0.7) for path, box in found.items())
    lost = sum(ours[path] is None for path in found)
    missed = [len(ours) - len(found), sum(face is None for face in ours.values())]
    return (
        f"of the reference's {len(found)} faces {lost} lost, {same / max(len(found), 1):.1%} alike (IoU over .7); "
        f"{missed[1]} of {len(ours)} missed, by the reference {missed[0]}"
    )


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    shared = float(np.prod(sides))
    return shared / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared)
