"""Detection of the faces of each image: the three networks of MTCNN on batches, large faces first.

Zhang et al. 2016, Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks
(https://arxiv.org/abs/1604.02878); networks and weights are those of facenet-pytorch.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from facenet_pytorch.models.utils.detect_face import batched_nms_numpy, bbreg, generateBoundingBox, rerec
from torch import Tensor, nn
from torchvision.ops import batched_nms

from pipeline.faces.integral_images import Colours, Sums, integrate, shrink
from pipeline.formats.images import Pixels
from pipeline.formats.opencv import cv2

CELL = 12  # side in pixels of the face that the first network sees
FINEST = 20  # side in pixels of the smallest face on the usual pyramid
FACTOR = 0.709  # from one level of the pyramid to the next: half the area
MAX_SIDE = 480  # shorter side in pixels above which an image is reduced; its smallest face still has 48 pixels


class Face(NamedTuple):
    """A face in pixels of its image."""

    box: npt.NDArray[np.float32]  # left, top, right, bottom
    probability: float
    landmarks: npt.NDArray[np.float32]  # (5, 2): x, y of left eye, right eye, nose, left and right corner of the mouth
    turn: int = 0  # degrees by which the image must be turned counter-clockwise for the face to be upright: 0, 90, 270


QUARTERS = (1, 3)  # turns, counter-clockwise, in which an image without a sure face is searched once more
SURE = 0.99
"""Probability of an image's most probable face from which the image is not searched turned."""
TURNED, SURER = 0.98, 3
"""Probability from which a face in a turned image is believed, if it is that many times less likely to be none.

Measured on 60 photos, 45 of them of people with masks, turned by a quarter to either side: of 120, 80 faces are found
turned the right way and none the wrong way; of the others 21 have no face, 12 a probability below .9, and 7 are not
noticed. Of upright photos, none of these 60 counts as turned, and 3 of 840 of a synthetic sample.
"""


class Search(NamedTuple):
    """Smallest face, as a fraction of the image's shorter side, and the probability thresholds of the networks."""

    smallest: float
    thresholds: tuple[float, float, float]


# Only images without a face so far go on to the next search. The fine levels of the pyramid cost most, and most photos
# show a large face; most large faces that the usual thresholds miss are behind a mask.
SEARCHES = (
    Search(0.28, (0.6, 0.7, 0.7)),
    Search(0.2, (0.3, 0.3, 0.4)),
    Search(0.1, (0.6, 0.7, 0.7)),
)


class Candidates(NamedTuple):
    """Boxes (n, 4) in pixels, their scores (n,) and the indices (n,) of their images."""

    boxes: Tensor
    scores: Tensor
    images: Tensor

    def take(self, which: Tensor) -> "Candidates":
        """Select candidates by a mask (n,) or by indices."""
        return Candidates(self.boxes[which], self.scores[which], self.images[which])


class Detector:
    """Finds the faces of each image; images of equal size form a batch."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self._propose, self._refine, self._decide = (
            net().eval().to(self.device, memory_format=torch.channels_last) for net in (PNet, RNet, ONet)
        )

    @torch.inference_mode()
    def __call__(self, images: Sequence[Pixels]) -> list[list[Face]]:
        """Return the faces of each RGB image (h, w, 3) that the first successful search finds, the largest first.

        An image without a face that is `SURE` is searched once more, turned by a quarter to either side: a face that
        lies on its side is more probable when it is upright.
        """
        reduced = [_reduce(image) for image in images]
        faces = self._find(reduced, SEARCHES)
        unsure = [i for i, found in enumerate(faces) if _surest(found) < SURE]
        sides = [self._find([np.rot90(reduced[i], quarter) for i in unsure], SEARCHES[:1]) for quarter in QUARTERS]
        for i, *turned in zip(unsure, *sides, strict=True):
            found, quarter = max(zip(turned, QUARTERS, strict=True), key=lambda side: _surest(side[0]))
            if _surest(found) > TURNED and SURER * (1 - _surest(found)) < 1 - _surest(faces[i]):
                faces[i] = [_turn_back(face, quarter, reduced[i]) for face in found if face.probability > TURNED]
        return [
            [_enlarge(face, small, image) for face in found]
            for found, small, image in zip(faces, reduced, images, strict=True)
        ]

    def _find(self, images: Sequence[Pixels], searches: Sequence[Search]) -> list[list[Face]]:
        """Return the faces of each image that the first successful one of some searches finds."""
        sums = [integrate(image) for image in images]
        faces: list[list[Face]] = [[] for _ in images]
        for search in searches:
            missing = [i for i, found in enumerate(faces) if not found]
            for shape in sorted({sums[i].shape for i in missing}):
                batch = [i for i in missing if sums[i].shape == shape]
                for i, found in zip(batch, self._search([sums[i] for i in batch], search), strict=True):
                    faces[i] = found
        return faces

    def _search(self, images: Sequence[Sums], search: Search) -> list[list[Face]]:
        scales = _scales(min(_size(images)), search.smallest)
        if not scales:
            return [[] for _ in images]
        found = _merge([self._slide(images, scale, search.thresholds[0]) for scale in scales])
        found = self._second(images, found, search.thresholds[1])
        return self._third(images, found, search.thresholds[2])

    def _slide(self, images: Sequence[Sums], scale: float, threshold: float) -> tuple[Tensor, Tensor]:
        """Slide the first network over a level of the pyramid; return box, score, offsets (n, 9) and images (n,)."""
        height, width = _size(images)
        whole, size = np.array([[0, 0, width, height]]), (int(height * scale + 1), int(width * scale + 1))
        each = np.arange(len(images))
        pixels = self._normalize(shrink(images, each, whole.repeat(len(images), axis=0), size))
        offsets, probabilities = self._propose(pixels)
        found, owners = generateBoundingBox(offsets, probabilities[:, 1], scale, threshold)
        keep = batched_nms(found[:, :4], found[:, 4], owners, 0.5)
        return found[keep], owners[keep]

    def _second(self, images: Sequence[Sums], found: Candidates, threshold: float) -> Candidates:
        """Return the candidates that the second network accepts, with its boxes."""
        found, cut = self._cut(images, found, 24)
        if not len(cut):
            return found
        offsets, probabilities = self._run(self._refine, cut, 64)
        sure = probabilities[:, 1] > threshold
        found = found._replace(scores=probabilities[:, 1]).take(sure)
        keep = batched_nms(found.boxes, found.scores, found.images, 0.7)
        found = found.take(keep)
        return found._replace(boxes=rerec(bbreg(found.boxes, offsets[sure][keep])))

    def _third(self, images: Sequence[Sums], found: Candidates, threshold: float) -> list[list[Face]]:
        """Return the faces of each image that the third network accepts, with their landmarks."""
        found, cut = self._cut(images, found, 48)
        if not len(cut):
            return [[] for _ in images]
        offsets, points, probabilities = self._run(self._decide, cut, 8)
        sure = probabilities[:, 1] > threshold
        found = found._replace(scores=probabilities[:, 1]).take(sure)
        corners, sides = found.boxes[:, None, :2].clone(), found.boxes[:, 2:] - found.boxes[:, :2] + 1
        found = found._replace(boxes=bbreg(found.boxes, offsets[sure]))
        keep = batched_nms_numpy(found.boxes, found.scores, found.images, 0.7, "Min")
        found = found.take(keep)
        landmarks = points[sure][keep].view(-1, 2, 5).mT * sides[keep][:, None] + corners[keep] - 1
        return _by_size(found, landmarks, len(images))

    def _run(self, network: nn.Module, cut: Tensor, most: int) -> list[Tensor]:
        """Run a network on candidates. On a CPU, parts of at most `most` fit its cache, which halves the time."""
        parts = torch.split(cut, len(cut) if self.device.type == "cuda" else most)
        return [torch.cat(column) for column in zip(*map(network, parts), strict=True)]

    def _cut(self, images: Sequence[Sums], found: Candidates, side: int) -> tuple[Candidates, Tensor]:
        """Return the candidates that overlap their images, sorted by image, and their pixels (n, 3, side, side)."""
        height, width = _size(images)
        first = torch.tensor([1, 1, 0, 0], device=self.device)  # these networks count pixels from 1
        limits = torch.tensor([width, height, width, height], device=self.device)
        boxes = torch.minimum(found.boxes.long() - first, limits).clamp(min=0)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        order = inside.nonzero().squeeze(1)
        order = order[found.images[order].argsort(stable=True)]
        found = found.take(order)
        owners, corners = found.images.cpu().numpy(), boxes[order].cpu().numpy()
        return found, self._normalize(shrink(images, owners, corners, (side, side)))

    def _normalize(self, colours: Colours) -> Tensor:
        """Convert colours (n, h, w, 3) to the networks' input (n, 3, h, w) in -1..1.

        The memory format is channels last, which is several times as fast on a CPU.
        """
        return ((torch.from_numpy(colours).to(self.device) - 127.5) / 128).permute(0, 3, 1, 2)


def device() -> str:
    """Return `cuda` where a GPU is available, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _size(images: Sequence[Sums]) -> tuple[int, int]:
    """Return height and width of images of one size."""
    return images[0].shape[0] - 1, images[0].shape[1] - 1


def _scales(shorter: int, smallest: float) -> list[float]:
    """Return the scales of the pyramid at which faces of at least `smallest` of the shorter side fill a cell."""
    levels = takewhile(lambda scale: scale * shorter >= CELL, (CELL / FINEST * FACTOR**level for level in count()))
    return [scale for scale in levels if scale * smallest * shorter <= CELL]


def _merge(levels: Sequence[tuple[Tensor, Tensor]]) -> Candidates:
    found, images = (torch.cat(column) for column in zip(*levels, strict=True))
    keep = batched_nms(found[:, :4], found[:, 4], images, 0.7)
    found, images = found[keep], images[keep]
    sides = (found[:, 2:4] - found[:, :2]).repeat(1, 2)
    return Candidates(rerec(found[:, :4] + found[:, 5:] * sides), found[:, 4], images)


def _by_size(found: Candidates, landmarks: Tensor, images: int) -> list[list[Face]]:
    """Return the faces of each image, the largest first."""
    boxes, scores, owners = (column.cpu().numpy() for column in found)
    points = landmarks.cpu().numpy()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    faces: list[list[Face]] = [[] for _ in range(images)]
    for i in reversed(np.argsort(areas, kind="stable")):
        faces[owners[i]].append(Face(boxes[i], float(scores[i]), points[i]))
    return faces


def _reduce(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    factor = MAX_SIDE / min(height, width)
    if factor >= 1:
        return image
    return np.asarray(cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA))


def _surest(faces: Sequence[Face]) -> float:
    """Return the highest probability of some faces, 0 without any."""
    return max((face.probability for face in faces), default=0.0)


def _turn_back(face: Face, quarter: int, image: Pixels) -> Face:
    """Return a face of an image that was turned by 1 or 3 quarters, in pixels of the image as it was."""
    height, width = image.shape[:2]

    def moved(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        x, y = points.T
        return np.stack([width - y, x] if quarter == 1 else [y, height - x], axis=1)

    corners = moved(face.box.reshape(2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return Face(box, face.probability, moved(face.landmarks), 90 * quarter)


def _enlarge(face: Face, small: Pixels, image: Pixels) -> Face:
    """Return a face of a reduced image in pixels of the image."""
    scale = np.divide(image.shape[1::-1], small.shape[1::-1]).astype(np.float32)
    return face._replace(box=face.box * np.tile(scale, 2), landmarks=face.landmarks * scale)


def pool() -> ThreadPoolExecutor:
    """Return a pool with as many threads as torch uses; in each of them, torch uses one."""
    return ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,))
