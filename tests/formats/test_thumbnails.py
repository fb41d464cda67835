"""thumbnails: large images become small, small ones stay as they are."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.formats.thumbnails import jpeg


@pytest.mark.parametrize(("shape", "size"), [((200, 100, 3), (40, 80)), ((20, 10, 3), (10, 20))])
def test_no_side_is_longer_than_asked_for(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    image = Image.open(BytesIO(jpeg(np.full(shape, 200, np.uint8), side=80, quality=70)))
    assert (image.format, image.size) == ("JPEG", size)
