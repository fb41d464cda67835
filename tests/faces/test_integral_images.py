"""Boxes shrunk by look-ups equal boxes shrunk by averaging."""

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.faces.integral_images import integrate, shrink


def test_shrinking_is_adaptive_average_pooling_of_each_box() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (30, 2))
    boxes = np.hstack([corners, corners + rng.integers(1, 20, (30, 2))])
    images = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(4)]
    owners = np.sort(rng.integers(0, 4, 30))
    owners[owners == 2] = 3  # an image without a box
    shrunk = shrink([integrate(image) for image in images], owners, boxes, (7, 11))
    for colours, owner, (left, top, right, bottom) in zip(shrunk, owners, boxes, strict=True):
        cut = torch.from_numpy(images[owner][top:bottom, left:right]).permute(2, 0, 1).float()
        torch.testing.assert_close(torch.from_numpy(colours).permute(2, 0, 1), adaptive_avg_pool2d(cut, (7, 11)))


def test_an_image_whose_sum_exceeds_32_bits_is_still_shrunk_rightly() -> None:
    white = np.full((3000, 3000, 3), 255, dtype=np.uint8)
    boxes = np.array([[2900, 2900, 3000, 3000], [0, 0, 2900, 100]])
    assert (shrink([integrate(white)], np.zeros(2, np.int64), boxes, (2, 2)) == 255).all()
