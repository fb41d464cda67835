"""Landmarks come to the template by a similarity transform."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import alignment

TEMPLATE = alignment.TEMPLATE
Points = npt.NDArray[np.float64]


def moved(points: Points, scale: float, degrees: float, shift: tuple[float, float]) -> Points:
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(scale * points @ rotation.T + shift)


@given(st.floats(0.1, 20), st.floats(-180, 180), st.floats(-500, 500), st.floats(-500, 500))
def test_moved_landmarks_come_back_to_the_template(scale: float, degrees: float, x: float, y: float) -> None:
    matrix = alignment.matrix(moved(TEMPLATE, scale, degrees, (x, y)), (112, 112), coverage=1)
    back = np.column_stack([moved(TEMPLATE, scale, degrees, (x, y)), np.ones(5)]) @ matrix.T
    assert back == pytest.approx(TEMPLATE, abs=1e-6)


def test_no_other_similarity_is_nearer() -> None:
    rng = np.random.default_rng(0)
    landmarks = moved(TEMPLATE, 2, 30, (40, -10)) + rng.normal(0, 5, (5, 2))
    matrix = alignment.matrix(landmarks, (112, 112), coverage=1)

    def distance(other: Points) -> float:
        return float(np.square(np.column_stack([landmarks, np.ones(5)]) @ other.T - TEMPLATE).sum())

    for _ in range(100):
        a, b, x, y = rng.normal(0, 1e-3, 4)
        assert distance(matrix) <= distance(matrix + np.array([[a, -b, x], [b, a, y]]))
    assert np.linalg.det(matrix[:, :2]) > 0, "no reflection"


@pytest.mark.parametrize("shape", [(100, 100), (120, 80)])
def test_coverage_is_the_share_of_the_shorter_side(shape: tuple[int, int]) -> None:
    for coverage in (0.25, 0.5, 1.0):
        matrix = alignment.matrix(TEMPLATE, shape, coverage)
        left, top, right, bottom = alignment.move(matrix, np.array([0, 0, 112, 112]))
        assert (right - left, bottom - top) == pytest.approx((coverage * min(shape),) * 2)
        assert (left + right, top + bottom) == pytest.approx(shape[::-1])


def test_landmarks_in_one_point_give_no_division_by_zero() -> None:
    assert np.isfinite(alignment.matrix(np.ones((5, 2)), (64, 64), 0.5)).all()


def test_a_crop_is_the_image_where_nothing_moves_and_repeats_its_edge_beyond() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert np.array_equal(alignment.warp(image, still, (30, 40)), image)
    beyond = alignment.warp(image, still, (30, 50))
    assert (beyond[:, 40:] == image[:, -1:]).all()


def test_a_large_image_is_shrunk_without_aliasing() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    small = alignment.warp(stripes, np.array([[0.1, 0, 0], [0, 0.1, 0]]), (40, 40))
    assert np.abs(small.astype(int) - 127).max() <= 3


def test_the_inverse_leads_back() -> None:
    matrix = alignment.matrix(moved(TEMPLATE, 3, 20, (5, 6)), (64, 48), 0.6)
    point = np.array([12.0, 30, 1])
    there = np.append(matrix @ point, 1)
    assert alignment.inverse(matrix) @ there == pytest.approx(point[:2])
