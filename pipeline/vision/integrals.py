"""Integral pictures, from which any number of boxes is shrunk to one size at once.

A pixel of a shrunk box is the mean of a rectangle, and the sum over a rectangle is four look-ups in the integral
picture, however large it is (Crow 1984, https://doi.org/10.1145/800031.808600).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from pipeline.photographs import Pixels


def integrate(pictures: Sequence[Pixels]) -> Tensor:
    """Integral pictures (n, height + 1, width + 1, 3), int32, of RGB pictures (height, width, 3) of one size."""
    height, width = pictures[0].shape[:2]
    sums = np.empty((len(pictures), height + 1, width + 1, 3), dtype=np.int32)
    for picture, target in zip(pictures, sums, strict=True):
        cv2.integral(picture, target)
    return torch.from_numpy(sums)


def shrink(integrals: Tensor, pictures: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean colours (n, 3, *size) of the cells of boxes: each box is cut into height x width cells.

    Box i (left, top, right, bottom in whole pixels, none empty) lies in picture `pictures[i]`. The edges of cells are
    rounded outwards to whole pixels, as adaptive average pooling rounds them.
    """
    top, bottom = _edges(boxes[:, 1], boxes[:, 3], size[0])
    left, right = _edges(boxes[:, 0], boxes[:, 2], size[1])
    areas = (bottom - top)[:, :, None] * (right - left)[:, None, :]
    rows = torch.stack([top, bottom]) + (pictures * integrals.shape[1])[:, None]
    columns = torch.stack([left, right])
    places = rows[:, None, :, :, None] * integrals.shape[2] + columns[None, :, :, None, :]
    corners = embedding(places, integrals.view(-1, 3))  # more than twice as fast as indexing
    sums = corners[1, 1] - corners[0, 1] - corners[1, 0] + corners[0, 0]
    return (sums / areas[..., None]).permute(0, 3, 1, 2)


def _edges(start: Tensor, stop: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """First and last edges (n, cells) of equal cells from start to stop."""
    length = (stop - start)[:, None]
    steps = torch.arange(cells, device=start.device)
    first = length * steps // cells
    last = -(-length * (steps + 1) // cells)
    return start[:, None] + first, start[:, None] + last
