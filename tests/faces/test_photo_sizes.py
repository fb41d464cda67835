"""photo_sizes: photos of another size are those whose shorter side is a quarter longer or shorter."""

import pandas as pd
import pytest

from pipeline.faces.photo_sizes import PhotoSizes


def test_the_sizes_are_those_of_the_shorter_sides() -> None:
    crops = pd.DataFrame({"photo_width": [384, 512, 900], "photo_height": [512, 384, 600]})
    assert PhotoSizes.of(crops) == (384, 600)
    assert str(PhotoSizes.of(crops)) == "384 to 600"
    assert str(PhotoSizes(3072, 3072)) == "3,072"


@pytest.mark.parametrize(("smallest", "largest", "expected"), [(384, 384, False), (384, 480, False), (384, 481, True)])
def test_sizes_vary_by_a_quarter(smallest: int, largest: int, expected: bool) -> None:
    assert PhotoSizes(smallest, largest).vary is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [((384, 384), False), ((308, 480), False), ((300, 384), True), ((384, 500), True), ((3072, 3072), True)],
)
def test_photos_of_training_set_the_range_at_prediction(given: tuple[int, int], expected: bool) -> None:
    assert PhotoSizes(*given).exceed(PhotoSizes(384, 384)) is expected
    assert not PhotoSizes(*given).exceed(PhotoSizes(300, 3072))
