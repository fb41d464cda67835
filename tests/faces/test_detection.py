"""The detector finds the faces of MTCNN, faster, and some more."""

import cv2
import numpy as np
import pytest
from facenet_pytorch import MTCNN
from PIL import Image

from pipeline.faces.detection import Detector, Face
from pipeline.formats.images import Pixels
from tests.modeling.people import people

BLANK = np.full((512, 384, 3), 200, dtype=np.uint8)


@pytest.fixture(scope="module")
def detect() -> Detector:
    return Detector()


def overlap(one: Face, other: Face) -> float:
    """Intersection over union."""
    width, height = np.minimum(one.box[2:], other.box[2:]) - np.maximum(one.box[:2], other.box[:2])
    shared = max(width, 0) * max(height, 0)
    areas = [np.prod(face.box[2:] - face.box[:2]) for face in (one, other)]
    return float(shared / (sum(areas) - shared))


def reference(image: Pixels) -> Face | None:
    boxes, probabilities, landmarks = MTCNN(keep_all=True).detect(Image.fromarray(image), landmarks=True)
    return None if boxes is None else Face(boxes[0], probabilities[0], landmarks[0])


def test_the_faces_that_the_reference_finds_are_found_in_the_same_place(detect: Detector) -> None:
    expected = [reference(image) for image in people()]
    assert sum(face is not None for face in expected) > len(expected) / 2
    for face, other in zip(detect(people()), expected, strict=True):
        assert other is None or (face is not None and overlap(face, other) > 0.7)


def test_landmarks_lie_in_the_box_and_the_eyes_above_the_mouth(detect: Detector) -> None:
    face = detect(people()[6:7])[0]
    assert face is not None
    left, top, right, bottom = face.box
    assert ((face.landmarks > (left, top)) & (face.landmarks < (right, bottom))).all()
    assert face.landmarks[:2, 1].max() < face.landmarks[3:, 1].min()
    assert face.probability > 0.7


def test_a_face_does_not_depend_on_its_companions(detect: Detector) -> None:
    together = detect(people())
    alone = [face for image in people() for face in detect([image])]
    for one, other in zip(together, alone, strict=True):
        assert (one is None) == (other is None)
        if one and other:
            assert overlap(one, other) > 0.999


def test_no_face_is_found_where_none_is(detect: Detector) -> None:
    assert detect([BLANK, BLANK]) == [None, None]


def test_no_images_have_no_faces(detect: Detector) -> None:
    assert detect([]) == []


def test_images_of_any_size_go_together_in_their_order(detect: Detector) -> None:
    photo = people()[6]
    found = detect([BLANK[:5, :5], photo, BLANK, photo[:500], BLANK[:20, :13]])
    assert [face is not None for face in found] == [False, True, False, True, False]


def test_a_large_image_has_its_face_in_its_own_pixels(detect: Detector) -> None:
    photo = people()[6]
    height, width = photo.shape[:2]
    small, large = detect([photo, np.asarray(cv2.resize(photo, (3 * width, 3 * height)))])
    assert small is not None
    assert large is not None
    assert overlap(Face(small.box * 3, 1, small.landmarks * 3), large) > 0.8


def test_the_largest_of_two_faces_is_taken(detect: Detector) -> None:
    photo = people()[6]
    height, width = photo.shape[:2]
    beside = np.full_like(photo, 200)
    beside[: height // 2, : width // 2] = cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    both, alone = detect([np.hstack([beside, photo]), photo])
    assert both is not None
    assert alone is not None
    moved = alone.box + np.array([width, 0, width, 0], dtype=np.float32)
    assert overlap(both, alone._replace(box=moved)) > 0.7
