"""integrals: boxes shrunk by look-ups are boxes shrunk by averaging."""

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.vision.integrals import integrate, shrink


def test_shrinking_is_adaptive_average_pooling_of_each_box() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    corners = rng.integers(0, 20, (30, 2))
    boxes = torch.from_numpy(np.hstack([corners, corners + rng.integers(1, 20, (30, 2))]))
    which = torch.from_numpy(rng.integers(0, 3, 30))
    shrunk = shrink(integrate(list(pictures)), which, boxes, (7, 11))
    for row, (number, (left, top, right, bottom)) in enumerate(zip(which, boxes.tolist(), strict=True)):
        cut = torch.from_numpy(pictures[number, top:bottom, left:right]).permute(2, 0, 1).float()
        torch.testing.assert_close(shrunk[row], adaptive_avg_pool2d(cut, (7, 11)))


def test_a_picture_whose_sum_exceeds_32_bits_is_still_shrunk_rightly() -> None:
    white = np.full((3000, 3000, 3), 255, dtype=np.uint8)
    boxes = torch.tensor([[2900, 2900, 3000, 3000], [0, 0, 2900, 100]])
    shrunk = shrink(integrate([white]), torch.tensor([0, 0]), boxes, (2, 2))
    assert (shrunk == 255).all()
