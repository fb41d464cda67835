"""Shapes go where their points say, and paint stays within its stencil."""

import numpy as np
import pytest

from pipeline.synthetic.drawing import HEIGHT, WIDTH, Canvas, Pose, both, closed, ellipse, mirror, moved, ribbon


def blank(pose: Pose) -> Canvas:
    return Canvas(np.full((3, HEIGHT, WIDTH), 255, np.float32), pose)


def test_a_turned_head_moves_the_nose_and_not_the_ears() -> None:
    points = np.array([(0.0, 0.1), (1.1, 0.1)])
    straight, turned = (Pose(turn=turn).to_pixels(points) for turn in (0.0, 0.1))
    assert turned[0, 0] > straight[0, 0]
    assert np.allclose(turned[1], straight[1])


def test_a_tilted_head_leaves_the_shoulders() -> None:
    points = np.array([(0.0, -1.0), (1.0, 3.0)])
    straight, tilted = (Pose(tilt=tilt).to_pixels(points) for tilt in (0.0, 0.2))
    assert tilted[0, 0] > straight[0, 0]
    assert np.allclose(tilted[1], straight[1])


def test_paint_stays_within_its_stencil_and_the_canvas() -> None:
    canvas = blank(Pose())
    within = canvas.stencil(ellipse(0, 0, 0.2, 0.2))
    canvas.paint(ellipse(0, 0, 9, 9), colour=(0, 0, 0), blur=0.1, within=within)
    assert np.array_equal(canvas.pixels[0] < 255, within > 0)
    canvas.paint(ellipse(90, 0, 1, 1), colour=(0, 0, 0))
    assert np.array_equal(canvas.pixels[0] < 255, within > 0)


def test_overlapping_shapes_leave_no_hole() -> None:
    canvas = blank(Pose())
    canvas.paint(ellipse(0, 0, 0.5, 0.5), ellipse(0.1, 0, 0.5, 0.5), colour=(0, 0, 0))
    middle = Pose().to_pixels(np.array([(0.05, 0.0)]))[0].astype(int)
    assert canvas.pixels[:, middle[1], middle[0]].max() == 0


def test_outlines_pass_through_their_points() -> None:
    points = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    assert all(np.abs(closed(points) - point).sum(axis=1).min() < 1e-12 for point in points)


def test_mirroring_twice_changes_nothing() -> None:
    shape = moved(ellipse(0.3, 0.2, 0.1, 0.4, 0.5), 0.2, 0.0)
    assert np.array_equal(mirror(mirror(shape)), shape)
    assert np.array_equal(both(shape)[1], mirror(shape))


def test_a_brush_stroke_is_as_wide_as_asked() -> None:
    stroke = ribbon([(0, 0), (0.5, 0), (1, 0)], 0.2, (1, 1))
    assert np.ptp(stroke[:, 1]) == pytest.approx(0.2)
