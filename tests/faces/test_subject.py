"""The subject is the most prominent face, or the largest."""

import numpy as np

from pipeline.faces.detection import Face
from pipeline.faces.subject import choose, prominence

WIDTH, HEIGHT = 768, 1024


def face(x: float, y: float, side: float, probability: float = 1.0) -> Face:
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, probability, np.zeros((5, 2), np.float32))


SITTER, BYSTANDER = face(384, 500, 220), face(660, 200, 240)


def test_a_bystander_at_the_edge_is_not_the_subject_though_it_is_larger() -> None:
    assert choose([BYSTANDER, SITTER], WIDTH, HEIGHT, "main") is SITTER
    assert choose([BYSTANDER, SITTER], WIDTH, HEIGHT, "largest") is BYSTANDER


def test_a_small_face_in_the_middle_is_not_the_subject() -> None:
    large = face(500, 400, 400)
    assert choose([large, face(384, 512, 90)], WIDTH, HEIGHT, "main") is large


def test_of_equal_faces_the_more_probable_is_the_subject() -> None:
    sure, unsure = face(300, 500, 200, 0.99), face(468, 500, 200, 0.8)
    assert choose([unsure, sure], WIDTH, HEIGHT, "main") is sure


def test_a_photo_without_faces_has_no_subject() -> None:
    assert choose([], WIDTH, HEIGHT, "main") is choose([], WIDTH, HEIGHT, "largest") is None


def test_prominence_does_not_depend_on_where_the_edges_are() -> None:
    left, right = (prominence(face(x, 512, 100), WIDTH, HEIGHT) for x in (184, 584))
    assert left == right
    assert prominence(face(384, 512, 100), WIDTH, HEIGHT) > left
