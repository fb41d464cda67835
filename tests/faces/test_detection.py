"""The detector finds the faces of MTCNN, faster, and some more."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from facenet_pytorch import MTCNN
from PIL import Image

from pipeline.faces.detection import Detector, Face
from pipeline.faces.doubts import LOW
from pipeline.formats.images import Pixels
from tests.modeling.people import people

BLANK = np.full((512, 384, 3), 200, dtype=np.uint8)


Detect = Callable[[Sequence[Pixels]], list[Face | None]]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def detect(detector: Detector) -> Detect:
    """The largest face of each image."""
    return lambda images: [faces[0] if faces else None for faces in detector(images)]


def overlap(one: Face, other: Face) -> float:
    """Intersection over union."""
    width, height = np.minimum(one.box[2:], other.box[2:]) - np.maximum(one.box[:2], other.box[:2])
    shared = max(width, 0) * max(height, 0)
    areas = [np.prod(face.box[2:] - face.box[:2]) for face in (one, other)]
    return float(shared / (sum(areas) - shared))


def reference(image: Pixels) -> Face | None:
    boxes, probabilities, landmarks = MTCNN(keep_all=True).detect(Image.fromarray(image), landmarks=True)
    return None if boxes is None else Face(boxes[0], probabilities[0], landmarks[0])


def test_the_faces_that_the_reference_finds_are_found_in_the_same_place(detect: Detect) -> None:
    expected = [reference(image) for image in people()]
    assert sum(face is not None for face in expected) > len(expected) / 2
    for face, other in zip(detect(people()), expected, strict=True):
        assert other is None or (face is not None and overlap(face, other) > 0.7)


def test_landmarks_lie_in_the_box_and_the_eyes_above_the_mouth(detect: Detect) -> None:
    face = detect(people()[6:7])[0]
    assert face is not None
    left, top, right, bottom = face.box
    assert ((face.landmarks > (left, top)) & (face.landmarks < (right, bottom))).all()
    assert face.landmarks[:2, 1].max() < face.landmarks[3:, 1].min()
    assert face.probability > 0.7


def test_a_face_does_not_depend_on_its_companions(detect: Detect) -> None:
    together = detect(people())
    alone = [face for image in people() for face in detect([image])]
    for one, other in zip(together, alone, strict=True):
        assert (one is None) == (other is None)
        if one and other:
            assert overlap(one, other) > 0.999


def test_no_face_is_found_where_none_is(detect: Detect) -> None:
    assert detect([BLANK, BLANK]) == [None, None]


def test_no_images_have_no_faces(detect: Detect) -> None:
    assert detect([]) == []


def test_images_of_any_size_go_together_in_their_order(detect: Detect) -> None:
    photo = people()[6]
    found = detect([BLANK[:5, :5], photo, BLANK, photo[:500], BLANK[:20, :13]])
    assert [face is not None for face in found] == [False, True, False, True, False]


def test_a_large_image_has_its_face_in_its_own_pixels(detect: Detect) -> None:
    photo = people()[6]
    height, width = photo.shape[:2]
    small, large = detect([photo, np.asarray(cv2.resize(photo, (3 * width, 3 * height)))])
    assert small is not None
    assert large is not None
    assert overlap(Face(small.box * 3, 1, small.landmarks * 3), large) > 0.8


def test_the_largest_of_two_faces_is_taken(detect: Detect) -> None:
    photo = people()[6]
    height, width = photo.shape[:2]
    beside = np.full_like(photo, 200)
    beside[: height // 2, : width // 2] = cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    both, alone = detect([np.hstack([beside, photo]), photo])
    assert both is not None
    assert alone is not None
    moved = alone.box + np.array([width, 0, width, 0], dtype=np.float32)
    assert overlap(both, alone._replace(box=moved)) > 0.7


def test_all_faces_of_an_image_are_found_the_largest_first(detector: Detector) -> None:
    photo = people()[6]
    small = np.full_like(photo, 200)
    height, width = (3 * side // 4 for side in photo.shape[:2])
    small[:height, :width] = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    faces = detector([np.hstack([small, photo]), np.hstack([photo, small])])
    assert [len(found) for found in faces] == [2, 2]
    for first, second in faces:
        assert np.ptp(first.box[::2]) > np.ptp(second.box[::2])


@pytest.mark.parametrize(("quarters", "turn"), [(0, 0), (1, 270), (3, 90)])
def test_faces_on_their_side_are_noticed(detector: Detector, quarters: int, turn: int) -> None:
    lying = [np.ascontiguousarray(np.rot90(image, quarters)) for image in people()]
    found = [faces[0] for faces in detector(lying) if faces]
    noticed = [face for face in found if face.turn == turn or (turn and face.probability < LOW)]
    assert len(noticed) >= 0.9 * len(found)
    assert sum(face.turn == turn for face in found) >= 0.8 * len(people())
    assert {face.turn for face in found} <= {0, turn}  # never the wrong way


@pytest.mark.parametrize("quarters", [1, 3])
def test_box_and_landmarks_of_a_turned_face_are_where_they_are(detect: Detect, quarters: int) -> None:
    photo = people()[6]
    upright, lying = detect([photo, np.ascontiguousarray(np.rot90(photo, quarters))])
    assert upright is not None
    assert lying is not None
    assert lying.turn == {1: 270, 3: 90}[quarters]
    height, width = photo.shape[:2]

    def moved(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        x, y = points.T
        return np.stack([y, width - x] if quarters == 1 else [height - y, x], axis=1)

    corners = moved(upright.box.reshape(2, 2))
    expected = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    assert overlap(lying, upright._replace(box=expected)) > 0.8
    np.testing.assert_allclose(lying.landmarks, moved(upright.landmarks), atol=0.05 * np.ptp(expected[::2]))
